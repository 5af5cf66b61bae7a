use bauta_ipc::{RpcError, codes};
use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

/// A QR code (ISO/IEC 18004) as text, two modules per character.
/// With `colour` it is black on white, whatever the terminal's colours are; without, for a dark terminal.
pub(crate) fn qr_lines(content: &[u8], colour: bool) -> Result<String, RpcError> {
    let code = QrCode::with_error_correction_level(content, EcLevel::L)
        .map_err(|error| RpcError::new(&codes::INTERNAL, format!("No QR code can hold this: {error}.")))?;
    let (dark, light) =
        if colour { (Dense1x2::Dark, Dense1x2::Light) } else { (Dense1x2::Light, Dense1x2::Dark) };
    let text = code.render::<Dense1x2>().dark_color(dark).light_color(light).quiet_zone(true).build();
    if !colour {
        return Ok(text);
    }
    let lines: Vec<String> = text.lines().map(|line| format!("\x1b[30;107m{line}\x1b[0m")).collect();
    Ok(lines.join("\n"))
}
