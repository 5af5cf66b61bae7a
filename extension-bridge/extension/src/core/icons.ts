import type { MessageState } from '../api/generated.ts';
import { svg } from './mark.ts';

const ring = 'M8 2a6 6 0 1 0 0 12a6 6 0 1 0 0-12z';
const tick = (x: number): string => `M${x} 8.6l1.2-1.2 2.5 2.5 5.4-6 1.2 1.1-6.5 7.3z`;

const STATES: Record<MessageState, string> = {
  queued: `${ring}M8 3.4a4.6 4.6 0 1 1 0 9.2a4.6 4.6 0 1 1 0-9.2zM7.3 4.8h1.4v2.8l2.1 1.2-.7 1.2-2.8-1.6z`,
  stored: tick(2.8),
  delivered: `${tick(0)}${tick(5)}`,
  failed: `${ring}M7.2 4.4h1.6v4.6h-1.6zM7.2 10.2h1.6v1.6h-1.6z`,
};

const icon = (size: number, path: string, label: string): SVGSVGElement => {
  const drawn = svg(size, path, label);
  drawn.classList.add('icon');
  return drawn;
};

/** How far an own message has come: a clock, a tick (stored), two ticks (delivered), or a warning. */
export const stateIcon = (state: MessageState, label: string): SVGSVGElement => icon(16, STATES[state], label);

/** A bell with a line through it. */
export const quietIcon = (label: string): SVGSVGElement =>
  icon(
    16,
    'M8 1.6a4 4 0 0 1 4 4v2.8l1.4 2.4h-7.2l5-5.6a3 3 0 0 0-5.6-.2zM6.4 12h3.2a1.6 1.6 0 0 1-3.2 0zM2.2 13l10.4-11.6 1 .9-10.4 11.6z',
    label,
  );

/** A lens. */
export const lens = (): SVGSVGElement =>
  icon(
    24,
    'M10.5 3.6a6.9 6.9 0 1 0 0 13.8a6.9 6.9 0 1 0 0-13.8zM10.5 5.4a5.1 5.1 0 1 1 0 10.2a5.1 5.1 0 1 1 0-10.2zM15.2 16.5l1.3-1.3 4.6 4.6-1.3 1.3z',
    '',
  );

/** A wheel with eight teeth. */
export const gear = (): SVGSVGElement => {
  const corners = Array.from({ length: 32 }, (_, corner) => {
    const angle = ((corner - 1.5) / 16) * Math.PI;
    const reach = corner % 4 === 1 || corner % 4 === 2 ? 9 : 6.8;
    return `${(12 + reach * Math.cos(angle)).toFixed(2)} ${(12 + reach * Math.sin(angle)).toFixed(2)}`;
  });
  return icon(24, `M${corners.join('L')}zM12 8.8a3.2 3.2 0 1 0 0 6.4a3.2 3.2 0 1 0 0-6.4z`, '');
};

/** A window with a panel at its side. */
export const sidePanel = (): SVGSVGElement =>
  icon(24, 'M4 5h16a1 1 0 0 1 1 1v12a1 1 0 0 1-1 1h-16a1 1 0 0 1-1-1v-12a1 1 0 0 1 1-1zM4.6 6.6v10.8h8.4v-10.8z', '');
