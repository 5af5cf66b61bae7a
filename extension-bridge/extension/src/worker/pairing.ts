import type { Session } from '../api/generated.ts';
import type { RpcClient } from './rpc.ts';

const CONTEXT = 'bauta/session/1';
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' } as const;

/** Where the key pair is stored; the browser's structured clone keeps it non-extractable. */
export interface KeyStore {
  get(): Promise<CryptoKeyPair | undefined>;
  put(pair: CryptoKeyPair): Promise<void>;
  remove(): Promise<void>;
}

export const toBase64Url = (bytes: Uint8Array): string => {
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
};

/** Throws when the text is not base64url. */
export const fromBase64Url = (text: string): Uint8Array<ArrayBuffer> => {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) throw new TypeError('not base64url');
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at += 1) bytes[at] = binary.charCodeAt(at);
  return bytes;
};

/** The stored key, or a new one. */
export const loadKey = async (store: KeyStore): Promise<CryptoKeyPair> => {
  const stored = await store.get();
  if (stored !== undefined) return stored;
  const made = await crypto.subtle.generateKey(ALGORITHM, false, ['sign', 'verify']);
  await store.put(made);
  return made;
};

/** The public half as `pair.request` takes it: base64url of the SPKI DER. */
export const publicKeyOf = async (pair: CryptoKeyPair): Promise<string> =>
  toBase64Url(new Uint8Array(await crypto.subtle.exportKey('spki', pair.publicKey)));

/** What a session's proof signs: the context, the 32 bytes of the challenge, and this extension's origin. */
export const proofInput = (challenge: string, origin: string): Uint8Array<ArrayBuffer> => {
  const drawn = fromBase64Url(challenge);
  if (drawn.length !== 32) throw new TypeError('a challenge has 32 bytes');
  const context = new TextEncoder().encode(CONTEXT);
  const end = new TextEncoder().encode(origin);
  const input = new Uint8Array(context.length + drawn.length + end.length);
  input.set(context, 0);
  input.set(drawn, context.length);
  input.set(end, context.length + drawn.length);
  return input;
};

/** The signature `session.prove` takes: base64url of r||s (IEEE P1363), ECDSA over P-256 and SHA-256. */
export const prove = async (pair: CryptoKeyPair, challenge: string, origin: string): Promise<string> => {
  const signature = await crypto.subtle.sign(
    { name: 'ECDSA', hash: 'SHA-256' },
    pair.privateKey,
    proofInput(challenge, origin),
  );
  return toBase64Url(new Uint8Array(signature));
};

interface Prover {
  readonly keys: KeyStore;
  /** What the host names as this extension's origin. */
  readonly origin: string;
}

/** Proves a pairing on a connection, by a fresh challenge. Throws a `Failure`. */
export const proveSession = async (rpc: RpcClient, { keys, origin }: Prover, id: string): Promise<Session> => {
  const pair = await loadKey(keys);
  const { challenge } = await rpc.call('session.challenge', { id });
  return rpc.call('session.prove', { id, signature: await prove(pair, challenge, origin) });
};
