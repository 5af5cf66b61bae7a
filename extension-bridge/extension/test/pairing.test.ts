import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  fromBase64Url,
  loadKey,
  proofInput,
  prove,
  publicKeyOf,
  toBase64Url,
  type KeyStore,
} from '../src/worker/pairing.ts';

const memory = (): KeyStore => {
  let kept: CryptoKeyPair | undefined;
  return {
    get: async () => kept,
    put: async (pair) => {
      kept = pair;
    },
    remove: async () => {
      kept = undefined;
    },
  };
};

const ORIGIN = 'chrome-extension://glggelpbdmnoognbkiacemakhjalbeki/';

test('base64url turns back', () => {
  for (let length = 0; length < 70; length += 1) {
    const bytes = crypto.getRandomValues(new Uint8Array(length));
    assert.deepEqual(fromBase64Url(toBase64Url(bytes)), bytes);
  }
  assert.throws(() => fromBase64Url('a+b'));
});

test('the key is made once and cannot be taken out', async () => {
  const store = memory();
  const key = await loadKey(store);
  assert.equal(await loadKey(store), key);
  assert.equal(key.privateKey.extractable, false);
  await assert.rejects(crypto.subtle.exportKey('pkcs8', key.privateKey));
  await assert.rejects(crypto.subtle.exportKey('jwk', key.privateKey));
});

test('the public key is SPKI of P-256', async () => {
  const der = fromBase64Url(await publicKeyOf(await loadKey(memory())));
  assert.equal(der.length, 91);
  await crypto.subtle.importKey('spki', der, { name: 'ECDSA', namedCurve: 'P-256' }, true, ['verify']);
});

test('the proof verifies over context, challenge and origin, and over nothing else', async () => {
  const pair = await loadKey(memory());
  const challenge = toBase64Url(crypto.getRandomValues(new Uint8Array(32)));
  const signature = fromBase64Url(await prove(pair, challenge, ORIGIN));
  assert.equal(signature.length, 64);
  const verify = (input: Uint8Array<ArrayBuffer>) =>
    crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, pair.publicKey, signature, input);
  assert.equal(await verify(proofInput(challenge, ORIGIN)), true);
  assert.equal(await verify(proofInput(challenge, 'chrome-extension://aaaa/')), false);
  assert.equal(await verify(proofInput(toBase64Url(new Uint8Array(32)), ORIGIN)), false);
});

test('a challenge of another length is not signed', async () => {
  const pair = await loadKey(memory());
  for (const length of [0, 31, 33]) {
    await assert.rejects(prove(pair, toBase64Url(new Uint8Array(length)), ORIGIN));
  }
  assert.equal(
    new TextDecoder().decode(proofInput(toBase64Url(new Uint8Array(32)), 'x').slice(0, 15)),
    'bauta/session/1',
  );
});
