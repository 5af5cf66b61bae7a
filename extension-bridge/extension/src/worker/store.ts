import type { KeyStore } from './pairing.ts';

const NAME = 'bauta';
const STORE = 'keys';
const KEY = 'pairing';

const open = (): Promise<IDBDatabase> =>
  new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

const run = async <T>(mode: IDBTransactionMode, use: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> => {
  const database = await open();
  try {
    return await new Promise<T>((resolve, reject) => {
      const transaction = database.transaction(STORE, mode);
      const request = use(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onerror = () => reject(transaction.error);
      transaction.onabort = () => reject(transaction.error);
    });
  } finally {
    database.close();
  }
};

/** The key pair in IndexedDB. What is stored is a handle: its private half cannot be read, only used. */
export const indexedKeys: KeyStore = {
  get: () => run('readonly', (store) => store.get(KEY) as IDBRequest<CryptoKeyPair | undefined>),
  put: async (pair) => {
    await run('readwrite', (store) => store.put(pair, KEY));
  },
  remove: async () => {
    await run('readwrite', (store) => store.delete(KEY));
  },
};
