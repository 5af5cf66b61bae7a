import type {
  BlockedKey,
  Contact,
  Conversation,
  MethodName,
  Methods,
  Persona,
  Profile,
  Request,
} from '../api/generated.ts';

interface Listed {
  'persona.list': Persona;
  'contact.list': Contact;
  'contact.requests': Request;
  'contact.blocked': BlockedKey;
  'conversation.list': Conversation;
  'profile.list': Profile;
}

/** The field of an answer that holds the items. */
const FIELD = {
  'persona.list': 'personas',
  'contact.list': 'contacts',
  'contact.requests': 'requests',
  'contact.blocked': 'blocked',
  'conversation.list': 'conversations',
  'profile.list': 'profiles',
} as const;

interface Caller {
  call<M extends MethodName>(method: M, params: Methods[M]['params']): Promise<Methods[M]['result']>;
}

/** All that a method lists, page after page. Throws a `Failure`. */
export const everything = async <M extends keyof Listed>(
  caller: Caller,
  method: M,
  params: Methods[M]['params'],
): Promise<Listed[M][]> => {
  const items: Listed[M][] = [];
  let after: string | undefined;
  for (;;) {
    const asked: Methods[M]['params'] = after === undefined ? params : { ...params, after };
    const page = (await caller.call(method, asked)) as unknown as Record<string, unknown>;
    items.push(...(page[FIELD[method]] as Listed[M][]));
    const next = page['next'];
    if (typeof next !== 'string' || next === after) return items;
    after = next;
  }
};
