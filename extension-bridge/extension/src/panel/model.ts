import type { Contact, Event, HistoryEntry, Persona, Profile, Request, RpcError, Status } from '../api/generated.ts';
import { PageClient } from '../core/client.ts';
import { failureFrom } from '../core/failure.ts';
import { everything } from '../core/lists.ts';
import { PLACE, unreadKey } from '../core/messages.ts';

export type View =
  | { name: 'list' }
  /** `at`: the message to begin at, where a search led there. */
  | { name: 'chat'; contact: string; at?: string }
  | { name: 'contact'; contact: string }
  | { name: 'verify'; contact: string }
  | { name: 'search' }
  | { name: 'profiles' }
  | { name: 'blocked' }
  | { name: 'requests' }
  | { name: 'invite' }
  | { name: 'add' }
  | { name: 'status' }
  | { name: 'settings' };

/** How long events are gathered, in milliseconds. */
const SOON = 50;
/** Messages that are read at a time, and the most that are read again. */
const PAGE = 50;
const MOST = 500;
/** How many messages of an older place are asked for, one after another, until one is left. */
const LOOKS = 5;

/** What the panel knows, and how it keeps it current. One persona at a time: lists never mix. */
export class Model {
  readonly client = new PageClient();
  onChange: () => void = () => {};
  status: Status | undefined;
  personas: Persona[] = [];
  persona: string | undefined;
  contacts: Contact[] = [];
  /** The lists of this persona were read once: that they are empty is known. */
  listed = false;
  requests: Request[] = [];
  last = new Map<string, HistoryEntry>();
  history: HistoryEntry[] = [];
  earlier: number | undefined;
  /** The conversation goes on after what is shown of it. */
  later = false;
  /** The message whose actions are shown. */
  acting: string | undefined;
  profiles: Profile[] = [];
  /** The open conversation was read once: that it is empty is known. */
  read = false;
  error: RpcError | undefined;
  view: View = { name: 'list' };
  #loading = 0;
  readonly #turns = new Map<string, number>();
  readonly #due = new Set<string>();
  /** What was marked as read last. */
  #marked = '';

  start(): void {
    this.client.onState = () => {
      if (this.client.state.stage === 'locked') this.#forget();
      this.onChange();
    };
    this.client.onUnread = () => {
      this.see();
      this.onChange();
    };
    this.client.onReload = () => void this.load();
    this.client.onEvent = (event) => this.#happened(event);
    chrome.storage.onChanged.addListener((changes, area) => {
      if (area === 'session' && changes[PLACE]?.newValue !== undefined) void this.#goToPlace();
    });
    this.client.open();
  }

  #happened(event: Event): void {
    switch (event.kind) {
      case 'message.received':
        this.#soon(`messages ${event.message.from}`, () => this.messages(event.message.persona, event.message.from));
        break;
      case 'message.state':
        this.#soon(`messages ${event.contact}`, () => this.messages(event.persona, event.contact));
        break;
      case 'contact.changed':
        // The worker counts what is unread.
        if (event.change === 'read') break;
        if (event.change === 'messages') this.#soon('history', () => this.#again(event.contact));
        this.#soon('people', () => this.people());
        break;
      case 'contact.request':
      case 'contact.added':
      case 'contact.deleted':
        this.#soon('people', () => this.people());
        break;
      case 'profile.learned':
      case 'profile.changed':
        this.#soon('profiles', () => this.known());
        break;
      case 'status.changed':
        // A new persona connects, and that is how the panel learns of it.
        if (event.persona != null && !this.personas.some((one) => one.name === event.persona))
          this.#soon('all', () => this.load());
        else this.#soon('standing', () => this.standing());
        break;
      case 'health':
        this.#soon('standing', () => this.standing());
        break;
      default:
        break;
    }
  }

  can(grant: string): boolean {
    return this.client.state.grants.includes(grant);
  }

  go(view: View): void {
    this.view = view;
    this.error = undefined;
    this.acting = undefined;
    if (view.name === 'chat') {
      this.history = [];
      this.earlier = undefined;
      this.later = false;
      this.read = false;
      void (view.at === undefined
        ? this.messages(this.persona ?? '', view.contact)
        : this.#around(view.contact, view.at));
    }
    this.see();
    this.onChange();
  }

  /** What is on the screen was seen: nothing is to call for attention to it, and it counts as read. */
  see(): void {
    const { view, persona } = this;
    const isSeen = view.name === 'chat' && persona !== undefined && document.visibilityState === 'visible';
    const conversation = isSeen ? unreadKey(persona, view.contact) : undefined;
    this.client.sees(conversation);
    if (!isSeen || conversation === undefined) return;
    const last = this.history.findLast((entry) => entry.direction === 'in');
    const mark = `${conversation}\n${last?.id ?? ''}`;
    if (last === undefined || (this.client.unread[conversation] ?? 0) === 0 || mark === this.#marked) return;
    this.#marked = mark;
    this.client.call('message.read', { persona, contact: view.contact, id: last.id }).catch(() => {
      this.#marked = '';
    });
  }

  /** Parameters that are about the persona that is shown. */
  own<T extends object>(params: T): T & { persona?: string } {
    return { ...params, ...(this.persona === undefined ? {} : { persona: this.persona }) };
  }

  choose(persona: string): void {
    this.persona = persona;
    this.contacts = [];
    this.listed = false;
    this.requests = [];
    this.last.clear();
    this.view = { name: 'list' };
    this.see();
    void chrome.storage.session.set({ persona });
    void this.people();
  }

  /** A locked daemon has nothing in its memory, and this page has nothing either. */
  #forget(): void {
    [this.personas, this.contacts, this.requests, this.history, this.profiles] = [[], [], [], [], []];
    this.persona = this.status = this.error = this.acting = this.earlier = undefined;
    this.listed = this.read = this.later = false;
    this.last.clear();
    this.view = { name: 'list' };
    this.see();
  }

  /** Reads everything again: after connecting, or if the log was not continuous. */
  async load(): Promise<void> {
    this.error = undefined;
    await this.standing();
    await this.try(async () => {
      if (!this.can('contacts.read')) return;
      const allowed = this.client.state.personas;
      this.personas = (await everything(this.client, 'persona.list', {})).filter(
        (one) => allowed?.includes(one.name) ?? true,
      );
      const kept = (await chrome.storage.session.get(['persona']))['persona'];
      const known = this.personas.some((one) => one.name === (this.persona ?? kept));
      this.persona = known ? (this.persona ?? (kept as string)) : this.personas[0]?.name;
      if (this.persona === undefined) this.listed = true;
    });
    await this.people();
    if (this.view.name === 'chat' && this.persona !== undefined) await this.messages(this.persona, this.view.contact);
    await this.#goToPlace();
    await this.known();
  }

  /** Opens the conversation that a notification was about. */
  async #goToPlace(): Promise<void> {
    const place = (await chrome.storage.session.get([PLACE]))[PLACE] as
      { persona: string; contact: string } | undefined;
    if (place === undefined || !this.personas.some(({ name }) => name === place.persona)) return;
    await chrome.storage.session.remove([PLACE]);
    if (place.persona !== this.persona) this.choose(place.persona);
    this.go({ name: 'chat', contact: place.contact });
  }

  /** Profiles are of the home: a pairing that is limited to some personas does not see them. */
  async known(): Promise<void> {
    if (!this.can('contacts.read') || this.client.state.personas !== null) return;
    await this.try(async () => {
      this.profiles = await everything(this.client, 'profile.list', {});
    });
  }

  async standing(): Promise<void> {
    await this.try(async () => {
      if (this.can('status.read')) this.status = await this.client.call('status.get', {});
    });
  }

  async people(): Promise<void> {
    const { persona } = this;
    const turn = ++this.#loading;
    await this.try(async () => {
      if (persona === undefined) return;
      if (this.can('contacts.read')) {
        const contacts = await everything(this.client, 'contact.list', { persona });
        if (turn !== this.#loading) return;
        const before = this.contacts;
        this.contacts = contacts;
        this.listed = true;
        this.#follow(before);
      }
      if (!this.can('messages.read')) return;
      const requests = await everything(this.client, 'contact.requests', { persona });
      if (turn !== this.#loading) return;
      this.requests = requests;
      // The last one was answered: there is nothing left to show.
      if (requests.length === 0 && this.view.name === 'requests') this.go({ name: 'list' });
      const turns = new Map(this.#turns);
      const conversations = await everything(this.client, 'conversation.list', { persona });
      if (turn !== this.#loading) return;
      for (const { contact, last } of conversations) {
        // A line that was read meanwhile is newer.
        if (this.#turns.get(contact) !== turns.get(contact)) continue;
        if (last == null) this.last.delete(contact);
        else this.last.set(contact, last);
      }
    });
  }

  /** Who was renamed elsewhere is followed; what is shown of somebody who is gone is left. */
  #follow(before: readonly Contact[]): void {
    const { view } = this;
    if (!('contact' in view) || this.contacts.some(({ name }) => name === view.contact)) return;
    const key = before.find(({ name }) => name === view.contact)?.public_key;
    const now = key == null ? undefined : this.contacts.find((one) => one.public_key === key);
    this.go(now === undefined ? { name: 'list' } : { ...view, contact: now.name });
  }

  #isOpen(persona: string, contact: string): boolean {
    return persona === this.persona && this.view.name === 'chat' && this.view.contact === contact;
  }

  async messages(persona: string, contact: string): Promise<void> {
    if (persona !== this.persona || !this.can('messages.read')) return;
    // At an older place nothing is added: there are messages in between.
    const open = this.#isOpen(persona, contact) && !this.later;
    const turn = (this.#turns.get(contact) ?? 0) + 1;
    this.#turns.set(contact, turn);
    await this.try(async () => {
      const { messages, previous } = await this.client.call('message.history', {
        persona,
        contact,
        limit: open ? PAGE : 1,
      });
      // An answer that was overtaken must not bring the past back.
      if (this.#turns.get(contact) !== turn || persona !== this.persona) return;
      const entry = messages.at(-1);
      if (entry !== undefined) this.last.set(contact, entry);
      if (!open || this.later || !this.#isOpen(persona, contact)) return;
      const first = messages[0];
      const older =
        first === undefined
          ? []
          : this.history.slice(
              0,
              Math.max(
                0,
                this.history.findIndex((one) => one.id === first.id),
              ),
            );
      this.history = [...older, ...messages];
      this.read = true;
      if (older.length === 0) this.earlier = previous ?? undefined;
      this.see();
    });
  }

  /** The messages around one that was found. */
  async #around(contact: string, at: string): Promise<void> {
    const { persona } = this;
    if (persona === undefined) return;
    await this.try(async () => {
      const found = await this.client.call('message.history', { persona, contact, from: at, limit: PAGE / 2 });
      const before = found.previous ?? undefined;
      const earlier =
        before === undefined
          ? undefined
          : await this.client.call('message.history', { persona, contact, before, limit: PAGE / 2 });
      if (!this.#isOpen(persona, contact)) return;
      this.history = [...(earlier?.messages ?? []), ...found.messages];
      this.earlier = earlier?.previous ?? undefined;
      this.later = found.later === true;
      this.read = true;
      this.see();
    });
  }

  /** What follows an older place. */
  async moreLater(contact: string): Promise<void> {
    const { persona } = this;
    const from = this.history.at(-1)?.id;
    if (persona === undefined || from === undefined) return;
    await this.try(async () => {
      const { messages, later } = await this.client.call('message.history', {
        persona,
        contact,
        from,
        limit: PAGE + 1,
      });
      if (!this.#isOpen(persona, contact) || this.history.at(-1)?.id !== from) return;
      this.history = [...this.history, ...messages.slice(1)];
      this.later = later === true;
      this.see();
    });
  }

  /** Messages were deleted or have disappeared: the open conversation is read again. */
  async #again({ persona, name }: Contact): Promise<void> {
    if (!this.#isOpen(persona, name)) return;
    if (this.later) {
      await this.#againFrom(persona, name);
      return;
    }
    await this.try(async () => {
      const limit = Math.min(Math.max(this.history.length, PAGE), MOST);
      const { messages, previous } = await this.client.call('message.history', { persona, contact: name, limit });
      if (!this.#isOpen(persona, name) || this.later) return;
      this.history = messages;
      this.earlier = previous ?? undefined;
    });
  }

  /** The same at an older place: from its first message on that is left, or at the end. */
  async #againFrom(persona: string, contact: string): Promise<void> {
    const limit = Math.min(this.history.length, MOST);
    for (const { id } of this.history.slice(0, LOOKS)) {
      try {
        const { messages, later } = await this.client.call('message.history', { persona, contact, from: id, limit });
        if (!this.#isOpen(persona, contact) || !this.later) return;
        this.history = messages;
        this.later = later === true;
        this.onChange();
        return;
      } catch {
        // It is gone.
      }
    }
    if (this.#isOpen(persona, contact) && this.later) this.go({ name: 'chat', contact });
  }

  async deleteMessage(contact: string, id: string): Promise<void> {
    await this.try(async () => {
      await this.client.call('message.delete', this.own({ contact, id }));
      this.history = this.history.filter((entry) => entry.id !== id);
      this.acting = undefined;
    });
  }

  async more(contact: string): Promise<void> {
    const { persona, earlier } = this;
    if (persona === undefined || earlier === undefined) return;
    await this.try(async () => {
      const { messages, previous } = await this.client.call('message.history', {
        persona,
        contact,
        before: earlier,
        limit: PAGE,
      });
      if (!this.#isOpen(persona, contact)) return;
      this.history = [...messages, ...this.history];
      this.earlier = previous ?? undefined;
    });
  }

  /** A replayed log brings many events at once; each list is read once for all of them. */
  #soon(what: string, read: () => Promise<void>): void {
    if (this.#due.has(what)) return;
    this.#due.add(what);
    setTimeout(() => {
      this.#due.delete(what);
      void read();
    }, SOON);
  }

  /** Runs a step; its failure is shown, and the panel stays as it is. Returns whether it succeeded. */
  async try(step: () => Promise<void>): Promise<boolean> {
    let well = true;
    try {
      await step();
    } catch (error) {
      well = false;
      if (this.client.state.stage === 'ready') this.error = failureFrom(error).toJSON();
    }
    this.onChange();
    return well;
  }
}
