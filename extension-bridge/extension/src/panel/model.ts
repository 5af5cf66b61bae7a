import type { Contact, HistoryEntry, Persona, Request, RpcError, Status } from '../api/generated.ts';
import { PageClient } from '../core/client.ts';
import { failureFrom } from '../core/failure.ts';
import { everything } from '../core/lists.ts';

export type View =
  | { name: 'list' }
  | { name: 'chat'; contact: string }
  | { name: 'verify'; contact: string }
  | { name: 'requests' }
  | { name: 'invite' }
  | { name: 'add' }
  | { name: 'status' }
  | { name: 'settings' };

/** How long events are gathered, in milliseconds. */
const SOON = 50;

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
  /** The open conversation was read once: that it is empty is known. */
  read = false;
  error: RpcError | undefined;
  view: View = { name: 'list' };
  #loading = 0;
  readonly #turns = new Map<string, number>();
  readonly #due = new Set<string>();
  /** The last message of each contact that was marked as read. */
  readonly #seen = new Map<string, string>();

  start(): void {
    this.client.onState = () => this.onChange();
    this.client.onUnread = () => this.onChange();
    this.client.onReload = () => void this.load();
    this.client.onEvent = (event) => {
      switch (event.kind) {
        case 'message.received':
          this.#soon(`messages ${event.message.from}`, () => this.messages(event.message.persona, event.message.from));
          break;
        case 'message.state':
          this.#soon(`messages ${event.contact}`, () => this.messages(event.persona, event.contact));
          break;
        case 'contact.changed':
          if (event.change === 'messages') {
            const { persona, name } = event.contact;
            this.#soon(`all of ${name}`, () => this.again(persona, name));
          }
          this.#soon('people', () => this.people());
          break;
        case 'contact.request':
        case 'contact.added':
          this.#soon('people', () => this.people());
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
    };
    this.client.open();
  }

  can(grant: string): boolean {
    return this.client.state.grants.includes(grant);
  }

  go(view: View): void {
    this.view = view;
    this.error = undefined;
    if (view.name === 'chat') {
      this.history = [];
      this.earlier = undefined;
      this.read = false;
      void this.messages(this.persona ?? '', view.contact);
    }
    this.onChange();
  }

  choose(persona: string): void {
    this.persona = persona;
    this.contacts = [];
    this.listed = false;
    this.requests = [];
    this.last.clear();
    this.#seen.clear();
    this.view = { name: 'list' };
    void chrome.storage.session.set({ persona });
    void this.people();
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
        this.contacts = contacts;
        this.listed = true;
      }
      if (!this.can('messages.read')) return;
      const requests = await everything(this.client, 'contact.requests', { persona });
      if (turn !== this.#loading) return;
      this.requests = requests;
      // The last one was answered: there is nothing left to show.
      if (requests.length === 0 && this.view.name === 'requests') this.go({ name: 'list' });
      // The last lines of what is on the first screens; the rest comes when it is opened.
      for (const contact of this.contacts.slice(0, 20)) {
        if (contact.last_message_at == null) {
          this.last.delete(contact.name);
          continue;
        }
        const { messages } = await this.client.call('message.history', { persona, contact: contact.name, limit: 1 });
        if (turn !== this.#loading) return;
        const entry = messages.at(-1);
        if (entry !== undefined) this.last.set(contact.name, entry);
      }
    });
  }

  /** Messages were deleted or have disappeared: nothing that was read before stays on the screen. */
  async again(persona: string, contact: string): Promise<void> {
    if (persona !== this.persona) return;
    this.last.delete(contact);
    if (this.view.name === 'chat' && this.view.contact === contact) {
      this.history = [];
      this.earlier = undefined;
    }
    await this.messages(persona, contact);
  }

  async messages(persona: string, contact: string): Promise<void> {
    if (persona !== this.persona || !this.can('messages.read')) return;
    const open = this.view.name === 'chat' && this.view.contact === contact;
    const turn = (this.#turns.get(contact) ?? 0) + 1;
    this.#turns.set(contact, turn);
    await this.try(async () => {
      const { messages, previous } = await this.client.call('message.history', {
        persona,
        contact,
        limit: open ? 50 : 1,
      });
      // An answer that was overtaken must not bring the past back.
      if (this.#turns.get(contact) !== turn || persona !== this.persona) return;
      const entry = messages.at(-1);
      if (entry !== undefined) this.last.set(contact, entry);
      if (!open || this.view.name !== 'chat' || this.view.contact !== contact) return;
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
      if (document.visibilityState !== 'visible') return;
      this.client.read(persona, contact);
      // Where messages disappear, the time of those that were seen begins.
      const seen = messages.findLast((one) => one.direction === 'in');
      if (seen === undefined || seen.id === this.#seen.get(contact)) return;
      this.#seen.set(contact, seen.id);
      // One that was deleted meanwhile needs no mark.
      void this.client.call('message.read', { persona, contact, id: seen.id }).catch(() => undefined);
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
        limit: 50,
      });
      if (this.view.name !== 'chat' || this.view.contact !== contact) return;
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
