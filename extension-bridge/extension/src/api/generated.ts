// Generated from ipc/openrpc.json by scripts/generate-api.mjs; do not edit.

/** Parameters of `contact.accept`. */
export type AcceptRequest = {
  /** The request's id. */
  id: string;
  /** A name for use in this home only. */
  name: string;
  /** The persona they wrote to; absent: whichever has the request. */
  persona?: string | null | undefined;
};

/** Parameters of `contact.add`. */
export type AddContact = {
  /**
   * A `bauta:` address, with or without an invitation, or a bare persona key: 66 hex digits, or as Mask writes it.
   * Or a text that holds one of them, such as that of a social profile, or a post of Mask.
   */
  address: string;
  /** A name for use in this home only. 1 to 64 characters, none a control character. */
  name: string;
  /** The persona that adds them; absent: the only one there is. */
  persona?: string | null | undefined;
};

/** Parameters of `post.append`. */
export type AppendPost = {
  /** How its keys reach the recipients; absent: `both`. */
  delivery?: PostDelivery | null | undefined;
  /** Where the post was pasted; absent: as when it was written, or as its text shows. */
  network?: SocialNetwork | null | undefined;
  /** The persona that wrote the post; absent: whichever did. */
  persona?: string | null | undefined;
  /** The post as it was pasted; words around it do not matter. */
  text: string;
  /** Further recipients, as in `post.encrypt`. */
  to: Array<string>;
};

/** Result of `post.append`. */
export type AppendedPost = {
  /** Those of them who get the key in a conversation. */
  by_message?: Array<string> | undefined;
  /** The post's IV: base64 of 16 bytes. */
  iv: string;
  /** Whether everything is published, so that they can open it. */
  published: boolean;
  /** Who can read it now, in addition. */
  recipients: Array<string>;
};

/** From when on a changed setting holds. */
export type Applies = "now" | "start";

/** Parameters of `pair.approve`. */
export type ApprovePairing = {
  /** The code that the extension shows. */
  code: Secret;
  /** What the extension may do. Empty: what it asked for. */
  grants?: Array<Grant> | undefined;
  /** The personas it may act for; absent: all, including later ones. */
  personas?: Array<string> | null | undefined;
};

/** Parameters of `home.backup`. */
export type BackUpHome = {
  /**
   * The home moves to another machine with this backup: the daemon disconnects first, stops when the file is good,
   * and sends nothing after its next start.
   */
  move?: boolean | undefined;
  /** What opens it. */
  passphrase: Secret;
  /** The absolute path of the file, which must not be there yet. */
  path: string;
};

/** Result of `home.backup`, and what `bauta restore` prints. */
export type BackedUpHome = {
  /** Contacts in it; open invitations are not. */
  contacts: number;
  /** When it was made. */
  made_at: Utc;
  /** Messages in it. */
  messages: number;
  /** Personas in it. */
  personas: number;
};

/** Result of `persona.backup`: one page. Each page is a whole backup file; a small home has one. */
export type BackupPage = {
  /** The file, in base64. */
  file: Secret;
  /** There is more: pass this as `after`. */
  next?: number | null | undefined;
};

/** Result of `backup.passphrase`. */
export type BackupPassphrase = {
  /** Whether there is one. */
  is_set: boolean;
};

/** Parameters of `contact.block` and `contact.delete`. */
export type BlockContact = {
  /** A request's id, or a contact's name or public key. */
  contact: string;
  /** The persona; absent: the only one there is, or whichever has the request. */
  persona?: string | null | undefined;
};

/** Result of `contact.block`: the key is refused from now on, and what they wrote as a request is deleted. */
export type Blocked = {
  /** The blocked secp256k1 public key; absent where an unanswered invitation was withdrawn. */
  public_key?: string | null | undefined;
};

/** A key that a persona blocks, in the result of `contact.blocked`. */
export type BlockedKey = {
  /** The name of the contact who has it. Absent: a stranger. */
  name?: string | null | undefined;
  /** The secp256k1 public key: 66 hex digits. */
  public_key: string;
  /** Since when. */
  since: Utc;
};

/** Result of `contact.blocked`. */
export type BlockedList = {
  /** By key. */
  blocked: Array<BlockedKey>;
  /** Ask again with `after` set to this for what follows; absent: that was all. */
  next?: string | null | undefined;
};

/** Parameters of `backup.passphrase`. */
export type ChangeBackupPassphrase = {
  /** What opens the backups that the daemon makes by itself from now on. Absent: as it is. */
  passphrase?: Secret | null | undefined;
};

/** Parameters of `config.set`. */
export type ChangeSetting = {
  /** Its name, as in `config.list`. */
  key: string;
  /** Its values from now on, in place of those before. Empty: the default again. */
  values?: Array<string> | undefined;
};

/** Result of `post.check`: the errors of `post.decrypt` for what does not open are errors here too. */
export type CheckedPost = {
  /** Who wrote it, as it says: `person:twitter.com/alice`. Absent: it does not say. */
  author?: string | null | undefined;
  /** The author's secp256k1 public key, as it says or as known from the profile: 66 hex digits. */
  author_key?: string | null | undefined;
  /**
   * The key is a contact's, an own persona's, or the one known for the profile.
   * Anybody can name a known key in a post: it shows whom the post names, and not who wrote it.
   */
  author_known: boolean;
  /** The contact or own persona that has the key, by their name in this home. */
  author_name?: string | null | undefined;
  /** Whether it is certain that the author wrote it, as in `post.decrypt`. */
  author_proven: boolean;
  /** The site where its key was first used, as a caller said then. */
  first_site?: string | null | undefined;
  /** What opening it takes. */
  needs: PostNeeds;
  /** The post is for everybody. */
  public: boolean;
};

/** The state of the daemon, or of one persona's connection. */
export type ConnectionState = "off" | "connecting" | "ready" | "degraded" | "lost" | "locked";

/** A contact of one persona. */
export type Contact = {
  /** When they were added, accepted or invited. */
  added_at: Utc;
  /** How long messages stay; absent: nobody ever wanted them to disappear. */
  disappearing?: Disappearing | null | undefined;
  /** When the last message was sent or received. */
  last_message_at?: Utc | null | undefined;
  /** Programs should not call for attention when they write. */
  muted?: boolean | undefined;
  /** Their name in this home, unique for the persona. */
  name: string;
  /** The persona that knows them. */
  persona: string;
  /** Why messages do not flow, such as `invitation.used` or `contact.changed`. */
  problem?: RpcError | null | undefined;
  /** Their secp256k1 public key: 66 hex digits. Absent while an invitation is open. */
  public_key?: string | null | undefined;
  /** How far the conversation has come. */
  state: ContactState;
  /** The safety number was compared and found equal. */
  verified: boolean;
};

/** What changed about a contact. */
export type ContactChange = "state" | "identity" | "verified" | "blocked" | "gap" | "restarted" | "settings" | "messages" | "disappearing" | "read";

/** Result of `contact.list`. */
export type ContactList = {
  /** By last activity, newest first. */
  contacts: Array<Contact>;
  /** Ask again with `after` set to this for what follows; absent: that was all. */
  next?: string | null | undefined;
};

/** Names a contact of a persona. */
export type ContactRef = {
  /** Their name in this home, or their public key. */
  contact: string;
  /** The persona that knows them; absent: the only one there is. */
  persona?: string | null | undefined;
};

/** How far the conversation with a contact has come. */
export type ContactState = "invited" | "pending" | "active" | "blocked";

/** The conversation with a contact. */
export type Conversation = {
  /** The contact's name in this home. */
  contact: string;
  /** How long messages stay; absent: nobody ever wanted them to disappear. */
  disappearing?: Disappearing | null | undefined;
  /** The last message. */
  last?: HistoryEntry | null | undefined;
  /** When the last message was sent or received. */
  last_message_at?: Utc | null | undefined;
  /** Programs should not call for attention when they write. */
  muted?: boolean | undefined;
  /** How many of their messages were not marked as read. */
  unread: number;
};

/** Result of `conversation.list`. */
export type ConversationList = {
  /** One for each contact, by last activity, newest first. */
  conversations: Array<Conversation>;
  /** Ask again with `after` set to this for what follows; absent: that was all. */
  next?: string | null | undefined;
};

/** Parameters of `contact.invite`. */
export type CreateInvitation = {
  /** The name for whoever answers; absent: the first digits of their key. */
  name?: string | null | undefined;
  /** The persona that invites; absent: the only one there is. */
  persona?: string | null | undefined;
};

/** Parameters of `post.decrypt` and `post.check`. */
export type DecryptPost = {
  /**
   * The profile that the page shows as author, as `person:twitter.com/alice` or `alice`.
   * The author's key is learned when the post names the same one.
   */
  author?: string | null | undefined;
  /** The network where the post was found; absent: the one it names, or else all are tried. */
  network?: SocialNetwork | null | undefined;
  /** Open it only with what is on this machine; nothing is looked up. */
  offline?: boolean | undefined;
  /** The persona that reads; absent: each is tried. */
  persona?: string | null | undefined;
  /** The personas that may be tried; absent: all. A pairing that is limited to some has these. */
  personas?: Array<string> | null | undefined;
  /**
   * Look up a post of version -40 although that shows the reader's profile name to everybody who is connected to the
   * Gun relay. Without it, such a post is `post.reveals`.
   */
  reveal_profile?: boolean | undefined;
  /**
   * The site that shows the post, such as `https://twitter.com`: kept with the post's key the first time.
   * At most 255 bytes.
   */
  site?: string | null | undefined;
  /** The post; words around it do not matter. Of several posts, the first that opens is the answer. */
  text: string;
  /** How long to look for a key, in milliseconds; at most [`crate::MAX_WAIT_MS`]. Absent: 90 seconds. */
  timeout_ms?: number | null | undefined;
};

/** Result of `post.decrypt`. A post names its author and the author's key; no version of the format proves either. */
export type DecryptedPost = {
  /** Who wrote it, as it says: `person:twitter.com/alice`. Absent: it does not say. */
  author?: string | null | undefined;
  /** The author's secp256k1 public key, as it says or as known from the profile: 66 hex digits. */
  author_key?: string | null | undefined;
  /**
   * The key is a contact's, an own persona's, or the one known for the profile.
   * Anybody can name a known key in a post: it shows whom the post names, and not who wrote it.
   */
  author_known: boolean;
  /** The contact or own persona that has the key, by their name in this home. */
  author_name?: string | null | undefined;
  /**
   * Whether it is certain that the owner of `author_key` wrote these words: the post was written in this home, or its
   * key and the hash of its content came from that contact, in their conversation.
   */
  author_proven: boolean;
  /** The site where its key was first used, as a caller said then; of public posts, nothing is kept. */
  first_site?: string | null | undefined;
  /** What plugins attached; absent if there is nothing, nothing that JSON can hold, or more than fits a frame. */
  meta?: Record<string, unknown> | null | undefined;
  /** The network where it was found: `twitter`, `facebook`, `minds`, `instagram`. Absent: not known. */
  network?: SocialNetwork | null | undefined;
  /** The post is for everybody. */
  public?: boolean | undefined;
  /**
   * How many can read it besides its author, who wrote it in this home: `post.append` adds more.
   * Absent: not known, or for everybody.
   */
  readers?: number | null | undefined;
  /** The words; those of several parts with line feeds between. */
  text: string;
  /** `profile.changed`: the profile is known with another key. Show it loudly. */
  warning?: RpcError | null | undefined;
};

/** Which way a message went. */
export type Direction = "in" | "out";

/**
 * How long messages with a contact stay, in seconds. Each side wants a time, or that they stay; what is in force is the
 * longer of both.
 */
export type Disappearing = {
  /** What is written here from now on disappears after this, on both sides; absent: it stays. */
  after?: number | null | undefined;
  /** What you want; absent: that messages stay. */
  own?: number | null | undefined;
  /** What they want, as far as is known here; absent: that messages stay. */
  theirs?: number | null | undefined;
  /** They do not know yet what you want. */
  untold?: boolean | undefined;
};

/** No parameters, or a result without content: `{}`. */
export type Empty = Record<string, unknown>;

/** Parameters of `post.encrypt`. Without `public` and without `to`, only the author can read the post. */
export type EncryptPost = {
  /**
   * The author's own profile there, as `person:twitter.com/alice` or `alice`; everybody can read it in the post.
   * Absent: the persona's profile, if one was set (`profile.set`); else the post names no profile.
   */
  author?: string | null | undefined;
  /** How its keys reach the recipients; absent: `both`. */
  delivery?: PostDelivery | null | undefined;
  /** Absent: `v37`. */
  format?: PostFormat | null | undefined;
  /** Metadata of plugins: a JSON object, kept value for value. */
  meta?: Record<string, unknown> | null | undefined;
  /** Where the post will be pasted; absent: Twitter. */
  network?: SocialNetwork | null | undefined;
  /** The persona that writes; absent: the only one there is. */
  persona?: string | null | undefined;
  /** For everybody who has Mask or a program like it. */
  public?: boolean | undefined;
  /** 1 to [`crate::MAX_POST_TEXT`] bytes of UTF-8. */
  text: string;
  /** For these: contacts' names or public keys, known profiles (`person:twitter.com/bob`), or bare persona keys. */
  to?: Array<string> | undefined;
};

/** Result of `post.encrypt`. */
export type EncryptedPost = {
  /** Those of them who get the key in a conversation. */
  by_message?: Array<string> | undefined;
  /** The post's IV, which identifies it: base64 of 16 bytes. */
  iv: string;
  /** Whether everything is published, so that the recipients can open it. */
  published: boolean;
  /** Who can read it besides the author: names of contacts, or what the parameters named. */
  recipients: Array<string>;
  /** What to paste. */
  text: string;
};

/** One entry of the daemon's durable log. */
export type Event = {
  /** When it happened. */
  at: Utc;
  /** Its place in the log: grows, never repeats, may skip. */
  cursor: number;
} & ({
  kind: "message.received";
  /** The message. */
  message: ReceivedMessage;
} | {
  /** The contact it is for. */
  contact: string;
  /** Why it failed. */
  error?: RpcError | null | undefined;
  /** The message's id. */
  id: string;
  kind: "message.state";
  /** The persona that wrote it. */
  persona: string;
  /** How far it has come. */
  state: MessageState;
} | {
  kind: "contact.request";
  /** What arrived. */
  request: Request;
} | {
  /** The contact as it is now. */
  contact: Contact;
  kind: "contact.added";
} | {
  /** What changed. */
  change: ContactChange;
  /** The contact as it is now. */
  contact: Contact;
  kind: "contact.changed";
} | {
  kind: "contact.deleted";
  /** The persona that knew them. */
  persona: string;
} | {
  /** When it ends. */
  expires_at: Utc;
  kind: "persona.published";
  /** The persona's name. */
  persona: string;
  /** Base64url id of the relay. */
  relay: string;
  /** When the bundle was made. */
  version: Utc;
} | {
  /** Why some were given up, or why the last attempt failed. */
  error?: RpcError | null | undefined;
  /** The post's IV: base64 of 16 bytes. */
  iv: string;
  /** How many keys there are. */
  keys: number;
  kind: "post.state";
  /** The persona that wrote it. */
  persona: string;
  /** How many keys relays have. */
  published: number;
  /** How far it has come. */
  state: PostState;
} | {
  /** How many partitions were read. */
  done: number;
  /** The post's IV: base64 of 16 bytes. */
  iv: string;
  kind: "post.lookup";
  /** How many are asked for. */
  of: number;
  /** How many records were tried. */
  records: number;
} | {
  kind: "profile.learned";
  /** The profile as it is known now. */
  profile: Profile;
} | {
  kind: "profile.changed";
  /** The profile; `other_key` has the other key. */
  profile: Profile;
} | {
  kind: "status.changed";
  /** The persona whose connection it is; absent: the daemon as a whole. */
  persona?: string | null | undefined;
  /** What is happening now, in a few words. */
  phase?: string | null | undefined;
  /** Its state now. */
  state: ConnectionState;
} | {
  /** It is over. */
  cleared?: boolean | undefined;
  /** The same object as in `status.get`. */
  item: RpcError;
  kind: "health";
});

/** Result of `persona.export`. */
export type ExportedPersona = {
  /** The same key as Mask shows and imports it: base64 of a JSON Web Key in MessagePack. */
  mask_key: Secret;
  /** Its name in this home. */
  name: string;
  /** The secp256k1 public key: 66 hex digits. */
  public_key: string;
  /** The secp256k1 secret key: 64 hex digits. Whoever has it is this persona. */
  secret_key: Secret;
  /** The recovery words it came from, if it did. */
  words?: Secret | null | undefined;
};

/** Result of `message.search`. */
export type Found = {
  /** Latest first. */
  messages: Array<FoundMessage>;
  /** Ask again with `before` set to this for what came earlier; absent: that was all. */
  previous?: number | null | undefined;
};

/** A message that was found. */
export type FoundMessage = {
  /** When it was written here, or when it arrived here. */
  at: Utc;
  /** The contact it is with: their name in this home. */
  contact: string;
  /** When the contact's daemon confirmed it. */
  delivered_at?: Utc | null | undefined;
  /** Which way it went. */
  direction: Direction;
  /** How many seconds it stays, from when it was read, or from when the contact's relay confirmed an own one. */
  disappears_after?: number | null | undefined;
  /** When it disappears; absent while it waits to be sent. An unread one disappears sooner when it is read. */
  disappears_at?: Utc | null | undefined;
  /** Why it failed. */
  error?: RpcError | null | undefined;
  /** 32 hex digits. */
  id: string;
  /** How far an own message has come; absent for theirs. */
  state?: MessageState | null | undefined;
  /** When the contact's relay confirmed it. */
  stored_at?: Utc | null | undefined;
} & ({
  text: string;
} | {
  disappear: number;
} | {
  unsupported: number;
});

/** What a connection may do, least first. */
export type Grant = "status.read" | "posts.use" | "contacts.read" | "messages.read" | "messages.send" | "persona.admin";

/** One Gun relay inside [`GunStatus`]. */
export type GunRelay = {
  /** Its address. */
  url: string;
};

/** Gun relays and the exits that lead to them, inside [`Status`]. */
export type GunStatus = {
  /**
   * The URL of the local Gun endpoint for programs of this machine, with a secret in its path.
   * Absent while it is off.
   */
  endpoint?: string | null | undefined;
  /** Nym addresses of the exits that lead to them, best first. Empty: exits of the network's directory. */
  exits: Array<string>;
  /** Whether certificates of further roots are trusted for these relays. */
  extra_root: boolean;
  /** The relays; everything is written to all of them and read from all of them. */
  relays: Array<GunRelay>;
};

/** What the first frame of a connection says. */
export type Hello = {
  /** Program and version, for the daemon's debug log: `"bauta/0.1.0"`. */
  client?: string | undefined;
  /** Optional abilities the client has. Unknown ones are ignored. */
  features?: Array<string> | undefined;
  /** The client's protocol version; see [`crate::PROTOCOL`]. */
  protocol: number;
};

/** Result of `message.history`. */
export type History = {
  /** How long messages stay; absent: nobody ever wanted them to disappear. */
  disappearing?: Disappearing | null | undefined;
  /** There are messages after these; only where `from` was given. */
  later?: boolean | undefined;
  /** Oldest first. */
  messages: Array<HistoryEntry>;
  /** Ask again with `before` set to this for what came earlier; absent: that was all. */
  previous?: number | null | undefined;
};

/** One message of a conversation. */
export type HistoryEntry = {
  /** When it was written here, or when it arrived here. */
  at: Utc;
  /** When the contact's daemon confirmed it. */
  delivered_at?: Utc | null | undefined;
  /** Which way it went. */
  direction: Direction;
  /** How many seconds it stays, from when it was read, or from when the contact's relay confirmed an own one. */
  disappears_after?: number | null | undefined;
  /** When it disappears; absent while it waits to be sent. An unread one disappears sooner when it is read. */
  disappears_at?: Utc | null | undefined;
  /** Why it failed. */
  error?: RpcError | null | undefined;
  /** 32 hex digits. */
  id: string;
  /** How far an own message has come; absent for theirs. */
  state?: MessageState | null | undefined;
  /** When the contact's relay confirmed it. */
  stored_at?: Utc | null | undefined;
} & ({
  text: string;
} | {
  disappear: number;
} | {
  unsupported: number;
});

/** Parameters of `message.history`. */
export type HistoryOf = {
  /** Only messages before this place; take it from `previous`. Absent: the latest. */
  before?: number | null | undefined;
  /** The contact's name in this home, or their public key. */
  contact: string;
  /**
   * The message with this id and those after it, whatever `before` is: to begin where a search led, or to go on from
   * the last message of an answer with `later`.
   */
  from?: string | null | undefined;
  /** At most this many; absent: 100. The answer may hold fewer. */
  limit?: number | null | undefined;
  /** The persona; absent: the only one there is. */
  persona?: string | null | undefined;
};

/** Parameters of `persona.import`. */
export type ImportPersonas = {
  /**
   * A name for use in this home only. Absent: the name in the backup, or the first digits of the key.
   * A backup with several own personas takes no name.
   */
  name?: string | null | undefined;
  /** What to import. */
  source: ImportSource;
};

/** What personas are imported from. */
export type ImportSource = {
  kind: "words";
  /** 12 to 24 English words (BIP 39). */
  words: Secret;
} | {
  /** The key. */
  key: Secret;
  kind: "key";
} | {
  /** The key, in JSON. */
  jwk: Secret;
  kind: "jwk";
} | {
  /** The file, in base64. */
  file: Secret;
  kind: "backup";
  /** Its password. */
  password: Secret;
};

/** Result of `persona.import`. */
export type Imported = {
  /** What was left out, and why; as much as fits a frame. */
  left_out: Array<LeftOut>;
  /** The personas, in the order of the source; as many as fit a frame. `persona.list` has them all. */
  personas: Array<ImportedPersona>;
  /** How many keys of posts were imported: those posts open without the network. */
  post_keys: number;
  /** Profiles whose key is now known. */
  profiles: number;
  /** How many more personas were imported, and things left out, than these lists hold. */
  unlisted?: number | undefined;
};

/** One persona inside [`Imported`]. */
export type ImportedPersona = {
  /** The `bauta:` address to give to others. */
  address: string;
  /** Whether its recovery words are kept here. */
  has_words: boolean;
  /** Its name in this home. */
  name: string;
  /** Whether this home did not have it. */
  new: boolean;
  /** The secp256k1 public key: 66 hex digits. */
  public_key: string;
};

/** Result of `message.inbox`. */
export type Inbox = {
  /** Oldest first. */
  messages: Array<ReceivedMessage>;
  /** Ask again with `after` set to this for what follows; absent: that was all. */
  next?: number | null | undefined;
};

/** Parameters of `message.inbox`. */
export type InboxOf = {
  /** Only messages after this place; take it from `next`. Absent: from the first. */
  after?: number | null | undefined;
  /** At most this many; absent: 100. The answer may hold fewer. */
  limit?: number | null | undefined;
  /** The persona; absent: the only one there is. */
  persona?: string | null | undefined;
  /** Only messages that arrived here at this time or later. Absent: of every time. */
  since?: Utc | null | undefined;
  /** Only messages that were not marked as read. */
  unread?: boolean | undefined;
};

/** Result of `contact.invite`. */
export type Invitation = {
  /** The `bauta:` address to give to one person over a channel you trust. It works once. */
  address: string;
  /** After this it is no longer read. */
  expires_at: Utc;
};

/** Parameters of `message.keep`. */
export type KeepMessages = {
  /** Messages are deleted from this home after so many days; 0: never. Absent: as it is. */
  days?: number | null | undefined;
};

/** Result of `message.keep`. */
export type KeptMessages = {
  /** Messages are deleted from this home after so many days. Absent: never. */
  days?: number | null | undefined;
};

/** Something in a backup that was left out. */
export type LeftOut = {
  /** Its section, and its identifier or else its position, counted from 1. */
  what: string;
  /** Why, in a few words. */
  why: string;
};

/** Parameters of `persona.list`, `profile.list` and `pair.list`, which are about the whole home. */
export type ListAll = {
  /** Only what comes after this place; take it from `next`. Absent: from the first. */
  after?: string | null | undefined;
};

/** Parameters of `contact.list`, `contact.requests` and `contact.blocked`. */
export type ListOf = {
  /** Only what comes after this place; take it from `next`. Absent: from the first. */
  after?: string | null | undefined;
  /** The persona; absent: the only one there is. */
  persona?: string | null | undefined;
};

/** Parameters of `persona.backup`. */
export type MakeBackup = {
  /** Where to continue: `next` of the page before. Absent: the beginning. */
  after?: number | null | undefined;
  /** The password that opens it. Whoever has the file can try any number of passwords. */
  password: Secret;
};

/** Parameters of `message.delete`. */
export type MessageRef = {
  /** The contact's name in this home, or their public key. */
  contact: string;
  /** The message's id: 32 hex digits. */
  id: string;
  /** The persona; absent: the only one there is. */
  persona?: string | null | undefined;
};

/** How far an own message has come. The order of the first three is the order of progress. */
export type MessageState = "queued" | "stored" | "delivered" | "failed";

/** Parameters of `contact.mute`. */
export type MuteContact = {
  /** Their name in this home, or their public key. */
  contact: string;
  /** Whether they are muted from now on. */
  muted: boolean;
  /** The persona that knows them; absent: the only one there is. */
  persona?: string | null | undefined;
};

/** Parameters of `persona.new`. */
export type NewPersona = {
  /** Whether it is to have a relay that no other persona of this home uses. */
  apart?: boolean | undefined;
  /** A name for use in this home only; nobody else sees it. 1 to 64 characters, none a control character. */
  name: string;
};

/** Names a persona, or leaves the choice to the daemon. */
export type OptionalPersona = {
  /** Its name in this home; absent: the only one there is. */
  persona?: string | null | undefined;
};

/** One extension, in the result of `pair.list`. */
export type Pairing = {
  /** What it may do; while pending, what it asks for. */
  grants: Array<Grant>;
  /** Its id: 32 hex digits. */
  id: string;
  /** What it calls itself. */
  label: string;
  /** When it was last connected: now, while it is. Absent: never, or while pending. */
  last_used?: Utc | null | undefined;
  /** The extension, as its browser names it: `chrome-extension://ID/` or `firefox-extension://ID/`. */
  origin: string;
  /** The personas it may act for; absent: all. */
  personas?: Array<string> | null | undefined;
  /** When it was approved; absent while pending. */
  since?: Utc | null | undefined;
  /** Its state. */
  state: PairingState;
};

/** Parameters of the notification `pair.approved`. */
export type PairingApproved = {
  /** What a session of it may do. */
  grants: Array<Grant>;
  /** The pairing's id. */
  id: string;
};

/** Result of `pair.list`. */
export type PairingList = {
  /** Ask again with `after` set to this for what follows; absent: that was all. */
  next?: string | null | undefined;
  /** In order of approval; the pending one last. */
  pairings: Array<Pairing>;
};

/** Names a pairing: parameters of `pair.revoke` and `session.challenge`, and of the notification `pair.refused`. */
export type PairingRef = {
  /** Its id: 32 hex digits. */
  id: string;
};

/** The state of a pairing. */
export type PairingState = "pending" | "paired" | "revoked";

/** A persona as others may know it. Result of `persona.new`. */
export type Persona = {
  /** The `bauta:` address to give to others. */
  address: string;
  /** Its name in this home. */
  name: string;
  /** The secp256k1 public key: 66 hex digits. */
  public_key: string;
};

/** Result of `persona.show`. */
export type PersonaDetail = {
  /** The `bauta:` address to give to others. */
  address: string;
  /** When it was made or imported here. */
  created_at: Utc;
  /** Its name in this home. */
  name: string;
  /** The line for the owner's social profile: whoever sees it can add this persona and encrypt posts for it. */
  profile_text?: string | undefined;
  /** The secp256k1 public key: 66 hex digits. */
  public_key: string;
  /** Its bundle at the relay now; absent before the first was stored. */
  published?: PublishedBundle | null | undefined;
  /** Base64url ids of the relays that keep its inbox and boxes. */
  relays: Array<string>;
  /** The state of its connection. */
  state: ConnectionState;
};

/** Result of `persona.list`. */
export type PersonaList = {
  /** Ask again with `after` set to this for what follows; absent: that was all. */
  next?: string | null | undefined;
  /** In order of creation. */
  personas: Array<Persona>;
};

/** Names a persona. */
export type PersonaRef = {
  /** Its name in this home. */
  persona: string;
};

/** One persona inside [`Status`]. */
export type PersonaStatus = {
  /** When an exchange of this persona last came back. */
  last_exchange?: Utc | null | undefined;
  /** Its name in this home. */
  name: string;
  /** What is happening now, in a few words. */
  phase?: string | null | undefined;
  /** Messages of this persona that no relay has stored yet. */
  queued?: number | undefined;
  /** Requests that wait for an answer. */
  requests?: number | undefined;
  /** Since when `state` holds. */
  since: Utc;
  /** The state of its own connection. */
  state: ConnectionState;
};

/** How the keys of a post reach its recipients. */
export type PostDelivery = "both" | "gun" | "contacts";

/** The format of Mask in which a post is written. Both can be read, and the older -39 and -40. */
export type PostFormat = "v37" | "v38";

/** What it takes to open a post. */
export type PostNeeds = "nothing" | "lookup" | "profile";

/** How posts are looked up and published. Parameters (what is absent stays) and result of `post.settings`. */
export type PostSettings = {
  /** A look-up always asks for this many neighbouring tags, all of one fixed block: a power of two up to 64. */
  block?: number | null | undefined;
  /** What this costs and what it hides, in a sentence. Only in results. */
  cost?: string | null | undefined;
  /** The other tags of a block are asked for within this many seconds; at most 3600. */
  spread_seconds?: number | null | undefined;
};

/** Whether the keys of a post are at a Gun relay. */
export type PostState = "queued" | "published" | "failed";

/** A social profile and the persona key behind it. */
export type Profile = {
  /** The contact or own persona that has the key, by their name in this home. */
  name?: string | null | undefined;
  /** Another key that posts of this profile showed since then: somebody may pretend to be them. */
  other_key?: string | null | undefined;
  /** `person:twitter.com/alice`. */
  profile: string;
  /** Its secp256k1 public key: 66 hex digits. */
  public_key: string;
  /** Since when. */
  since: Utc;
  /** Its source. */
  source: ProfileSource;
};

/** Result of `profile.list`. */
export type ProfileList = {
  /** Ask again with `after` set to this for what follows; absent: that was all. */
  next?: string | null | undefined;
  /** By name. */
  profiles: Array<Profile>;
};

/** Names a profile. */
export type ProfileRef = {
  /** `person:twitter.com/alice`, or `twitter.com/alice`. */
  profile: string;
};

/** The source of a profile's key. */
export type ProfileSource = "seen" | "hand" | "text" | "backup";

/** Parameters of `session.prove`. */
export type ProveSession = {
  /** The pairing's id. */
  id: string;
  /**
   * Base64url of the ECDSA P-256 SHA-256 signature, r and s of 32 bytes each (IEEE P1363), over
   * `bauta/session/1`, the challenge's 32 bytes, and the extension's origin.
   */
  signature: string;
};

/** Result of `persona.publish`: the bundle is made and queued; the event `persona.published` says when the relay has it. */
export type Published = {
  /** The persona's name. */
  persona: string;
  /** When the waiting bundle was made. */
  version: Utc;
};

/** A bundle that a relay has accepted. */
export type PublishedBundle = {
  /** Strangers cannot start a conversation with it after this time. */
  expires_at: Utc;
  /** When the relay answered. */
  published_at: Utc;
  /** When it was made; it also orders bundles. */
  version: Utc;
};

/** Result of `post.wait`, and content of the event `post.state`. */
export type PublishedPost = {
  /** Why some were given up, or why the last attempt failed. */
  error?: RpcError | null | undefined;
  /** The post's IV: base64 of 16 bytes. */
  iv: string;
  /** How many keys there are. */
  keys: number;
  /** How many keys relays have. */
  published: number;
  /** How far it has come. */
  state: PostState;
};

/** Parameters of `message.read`. */
export type ReadMessages = {
  /** The contact's name in this home, or their public key. */
  contact: string;
  /** The id of the last message that was seen: it and all before it are read. Absent: all that are there. */
  id?: string | null | undefined;
  /** The persona; absent: the only one there is. */
  persona?: string | null | undefined;
};

/** A message that arrived from a contact. */
export type ReceivedMessage = {
  /** How many seconds it stays, from when it was read. */
  disappears_after?: number | null | undefined;
  /** When it disappears; sooner when it is read. */
  disappears_at?: Utc | null | undefined;
  /** The contact's name in this home. */
  from: string;
  /** 32 hex digits, chosen by the sender. */
  id: string;
  /** The persona it came for. */
  persona: string;
  /** When it arrived here. */
  received_at: Utc;
  /** When the sender wrote it, by the sender's clock. */
  sent_at: Utc;
} & ({
  text: string;
} | {
  disappear: number;
} | {
  unsupported: number;
});

/** One relay inside [`Status`]. */
export type RelayStatus = {
  /** How many doors are known. */
  doors: number;
  /** Base64url of the relay id, 43 characters. */
  id: string;
  /** When it last answered. */
  last_exchange?: Utc | null | undefined;
  /**
   * How many personas use it, by its own word of the day: at least 1, 10, 100, 1,000 or 10,000. They are each other's
   * cover. Absent before it said so.
   */
  personas?: number | null | undefined;
};

/** Parameters of `contact.rename`. */
export type RenameContact = {
  /** Their name in this home, or their public key. */
  contact: string;
  /** Their name from now on. */
  name: string;
  /** The persona that knows them; absent: the only one there is. */
  persona?: string | null | undefined;
};

/** A stranger's first message, not yet answered; the sender learns nothing until it is accepted. */
export type Request = {
  /** For `contact.accept`, `contact.block` and `contact.delete`. */
  id: string;
  /** The persona they wrote to. */
  persona: string;
  /** Their secp256k1 public key: 66 hex digits. */
  public_key: string;
  /** When it arrived here. */
  received_at: Utc;
  /** What they wrote; empty for a greeting without words. */
  text: string;
};

/** Result of `contact.requests`. */
export type RequestList = {
  /** Ask again with `after` set to this for what follows; absent: that was all. */
  next?: string | null | undefined;
  /** Oldest first. */
  requests: Array<Request>;
};

/** Parameters of `pair.request`. */
export type RequestPairing = {
  /** What it wants to be allowed. Empty: everything but `persona.admin`, which no extension gets. */
  grants?: Array<Grant> | undefined;
  /** The extension's ECDSA P-256 public key: base64url of its SubjectPublicKeyInfo in DER. */
  key: string;
  /** What the user will know it by, such as `"Chromium on laptop"`: at most 64 characters. */
  label: string;
};

/** Result of `pair.request`. `pair.approved` or `pair.refused` follows on the same connection. */
export type RequestedPairing = {
  /** Six digits to show to the user, who types them into `bauta pair approve`. */
  code: Secret;
  /** When the code expires. */
  expires_at: Utc;
  /** The pairing's id: 32 hex digits. */
  id: string;
};

/** Whether the same call can succeed later. */
export type Retry = "no" | "later" | "now";

/**
 * What went wrong, for people and for programs.
 *
 * It travels as `error.data` of a JSON-RPC answer, in `status.get` under `health`, and from the command line with
 * `--json`.
 */
export type RpcError = {
  /** Stable and dotted, such as `contact.unknown`. */
  code: string;
  /** What to do about it, as one sentence; empty when there is nothing to do. */
  hint?: string | undefined;
  /** What happened, as one sentence. */
  message: string;
  /** Whether the same call can succeed later. */
  retry: Retry;
};

/** Result of `contact.verify`. */
export type SafetyNumber = {
  /** The contact's name. */
  contact: string;
  /** 12 groups of 5 digits with single spaces. Equal on both sides, unless someone is in between. */
  digits: string;
  /** What the QR code holds: hex. */
  qr: string;
  /** Whether it was marked as equal. */
  verified: boolean;
};

/** Parameters of `message.search`. */
export type SearchFor = {
  /** Only messages before this place; take it from `previous`. Absent: the latest. */
  before?: number | null | undefined;
  /** Only in the conversation with this contact: their name in this home, or their public key. Absent: in all. */
  contact?: string | null | undefined;
  /** At most this many; absent: 100. The answer may hold fewer. */
  limit?: number | null | undefined;
  /** The persona; absent: the only one there is. */
  persona?: string | null | undefined;
  /**
   * Words, or parts of words, of 1 to [`crate::limits::MAX_SEARCH`] characters together; a message is found that has
   * all of them, in any order. Case, accents and width do not matter, and neither does punctuation.
   */
  text: string;
};

/** Secret text. Keep it out of logs. */
export type Secret = string;

/** Parameters of `message.send`. */
export type SendMessage = {
  /** The contact's name in this home, or their public key. */
  contact: string;
  /** 32 hex digits chosen by the caller: sending again with the same id returns the first message. Absent: drawn. */
  id?: string | null | undefined;
  /** The persona that writes; absent: the only one there is. */
  persona?: string | null | undefined;
  /** 1 to [`crate::MAX_TEXT`] bytes of UTF-8. */
  text: string;
};

/** Result of `message.send` and `message.wait`. */
export type SentMessage = {
  /** 32 hex digits. */
  id: string;
  /** How far it has come. */
  state: MessageState;
};

/** Result of `session.prove`: what this connection may do from now on. */
export type Session = {
  /** The grants. */
  grants: Array<Grant>;
  /** What the extension called itself when it was paired. */
  label: string;
  /** When it was last connected before this session. Absent: never. */
  last_used?: Utc | null | undefined;
  /** The personas it may act for; null: all. */
  personas?: Array<string> | null | undefined;
  /** When it was paired. */
  since: Utc;
};

/** Result of `session.challenge`: for this connection, and for one proof. */
export type SessionChallenge = {
  /** Base64url of 32 random bytes. */
  challenge: string;
};

/** Parameters of `contact.disappear`. */
export type SetDisappearing = {
  /**
   * How long messages should stay, in seconds: [`crate::limits::MIN_TIMER`] to [`crate::limits::MAX_TIMER`]; 0: they
   * should stay.
   */
  after: number;
  /** Their name in this home, or their public key. */
  contact: string;
  /** The persona that knows them; absent: the only one there is. */
  persona?: string | null | undefined;
};

/** Parameters of `profile.set`. */
export type SetProfile = {
  /** Whose it is: the name of an own persona or of a contact, or a persona key. */
  of: string;
  /** The persona whose contacts are meant; absent: the only one there is. */
  persona?: string | null | undefined;
  /** `person:twitter.com/alice`, or `twitter.com/alice`. */
  profile: string;
  /** Take the key in place of another one that is known for the profile. */
  replace?: boolean | undefined;
};

/** One setting of the home. Result of `config.get` and `config.set`. */
export type Setting = {
  /** From when on a change holds. */
  applies: Applies;
  /** Whether it was set, by `config.set` or at a start. */
  is_set: boolean;
  /** Its name. */
  key: string;
  /** What it is, in a sentence. */
  meaning: string;
  /** Its values: those that were set, or else the default. */
  values: Array<string>;
};

/** Result of `config.list`. */
export type SettingList = {
  /** Every setting there is, by name. */
  settings: Array<Setting>;
};

/** Parameters of `config.get`. */
export type SettingRef = {
  /** Its name, as in `config.list`. */
  key: string;
};

/** A social network that Mask knows, with partitions on Gun relays. */
export type SocialNetwork = "twitter" | "facebook" | "minds" | "instagram";

/** Result of `status.get`. */
export type Status = {
  /** Gun relays, which store the keys of posts, and the exits that lead to them. */
  gun?: GunStatus | undefined;
  /** What needs attention. Empty when all is well. */
  health: Array<RpcError>;
  /** When an exchange with a relay last came back. */
  last_exchange?: Utc | null | undefined;
  /** `mainnet`, or `local` for a network on this machine. */
  network: string;
  /** Every persona of this home. */
  personas: Array<PersonaStatus>;
  /** What is happening now, in a few words: `"choosing a gateway"`. Absent when there is nothing to say. */
  phase?: string | null | undefined;
  /** Messages that no relay has stored yet. */
  queued: number;
  /** Every relay this home uses. */
  relays: Array<RelayStatus>;
  /** Since when `state` holds. */
  since: Utc;
  /** The least ready of the personas' states; without a persona, that of the daemon's own connection to a relay. */
  state: ConnectionState;
  /** The traffic profile: `full`, `saver`, `metered`, `paranoid` or `test`; empty while the daemon is locked. */
  traffic: string;
  /** What the profile costs and what it gives up, in one sentence. */
  traffic_note?: string | undefined;
  /** How many more personas, relays and items of health there are than these lists hold: they fit a frame. */
  unlisted?: number | undefined;
  /** The daemon's version. */
  version: string;
};

/** Parameters of `status.get`. */
export type StatusOf = {
  /** Only what is about these personas: their states, their relays, their messages. Absent: everything. */
  personas?: Array<string> | null | undefined;
};

/** Parameters of `event.subscribe`. */
export type Subscribe = {
  /** Replay what came after this cursor, then follow; 0: everything kept. Absent: only what comes from now on. */
  since?: number | null | undefined;
};

/** Result of `event.subscribe`; the events follow as notifications named `event`. */
export type Subscribed = {
  /** Events with a greater cursor will come. */
  cursor: number;
};

/** Parameters of `unlock`. */
export type UnlockStore = {
  /** The passphrase, where the home is protected by one. */
  passphrase?: Secret | null | undefined;
};

/** RFC 3339 in UTC, with milliseconds. */
export type Utc = string;

/** Parameters of `contact.verify`. */
export type VerifyContact = {
  /** Their name in this home, or their public key. */
  contact: string;
  /** Remember that the numbers were equal (`true`) or no longer hold (`false`); absent: only show. */
  mark?: boolean | null | undefined;
  /** The persona that knows them; absent: the only one there is. */
  persona?: string | null | undefined;
};

/**
 * Parameters of `message.wait`.
 * Returns when the message is at `state` or past it.
 * Errors: `message.timeout` (it stays queued), `message.failed`.
 */
export type WaitFor = {
  /** The message's id. */
  id: string;
  /** The state to wait for: `queued`, `stored` or `delivered`. */
  state: MessageState;
  /** How long, in milliseconds; at most [`crate::MAX_WAIT_MS`]. */
  timeout_ms: number;
};

/**
 * Parameters of `post.wait`.
 * Returns when all of the post's keys are published. Errors: `post.timeout` (it stays queued), `post.unknown`.
 */
export type WaitForPost = {
  /** The post's IV: base64 of 16 bytes. */
  iv: string;
  /** The persona that wrote the post; absent: any. */
  persona?: string | null | undefined;
  /** The personas that may have written it; absent: all. */
  personas?: Array<string> | null | undefined;
  /** How long, in milliseconds; at most [`crate::MAX_WAIT_MS`]. */
  timeout_ms: number;
};

/** What the daemon answers to [`Hello`]. */
export type Welcome = {
  /** Optional abilities the daemon has, such as `"events"`. */
  features: Array<string>;
  /** The grants this connection holds. */
  grants: Array<Grant>;
  /** The daemon's protocol version. */
  protocol: number;
  /** The daemon's version. */
  version: string;
};

/** Every method: what it takes and what it answers. */
export interface Methods {
  /** Opens a connection; must be its first frame. */
  'hello': {
    params: {
      /** Program and version, for the daemon's debug log: `"bauta/0.1.0"`. */
      client?: string | undefined;
      /** Optional abilities the client has. Unknown ones are ignored. */
      features?: Array<string> | undefined;
      /** The client's protocol version; see [`crate::PROTOCOL`]. */
      protocol: number;
    };
    result: Welcome;
  };
  /** Replays the daemon's log from a cursor, then follows it as notifications; which kinds come depends on the grants. */
  'event.subscribe': {
    params: {
      /** Replay what came after this cursor, then follow; 0: everything kept. Absent: only what comes from now on. */
      since?: number | null | undefined;
    };
    result: Subscribed;
  };
  /** Asks the user to pair an extension, and returns the code to show. */
  'pair.request': {
    params: {
      /** What it wants to be allowed. Empty: everything but `persona.admin`, which no extension gets. */
      grants?: Array<Grant> | undefined;
      /** The extension's ECDSA P-256 public key: base64url of its SubjectPublicKeyInfo in DER. */
      key: string;
      /** What the user will know it by, such as `"Chromium on laptop"`: at most 64 characters. */
      label: string;
    };
    result: RequestedPairing;
  };
  /** Begins a session of a paired extension. */
  'session.challenge': {
    params: {
      /** Its id: 32 hex digits. */
      id: string;
    };
    result: SessionChallenge;
  };
  /** Proves a session's pairing; from then on the connection has its grants. */
  'session.prove': {
    params: {
      /** The pairing's id. */
      id: string;
      /**
       * Base64url of the ECDSA P-256 SHA-256 signature, r and s of 32 bytes each (IEEE P1363), over
       * `bauta/session/1`, the challenge's 32 bytes, and the extension's origin.
       */
      signature: string;
    };
    result: Session;
  };
  /** Pairs the extension that shows this code. */
  'pair.approve': {
    params: {
      /** The code that the extension shows. */
      code: Secret;
      /** What the extension may do. Empty: what it asked for. */
      grants?: Array<Grant> | undefined;
      /** The personas it may act for; absent: all, including later ones. */
      personas?: Array<string> | null | undefined;
    };
    result: Pairing;
  };
  /** Lists the extensions that are, were or want to be paired. */
  'pair.list': {
    params: {
      /** Only what comes after this place; take it from `next`. Absent: from the first. */
      after?: string | null | undefined;
    };
    result: PairingList;
  };
  /** Ends a pairing and its sessions, or refuses one that waits. */
  'pair.revoke': {
    params: {
      /** Its id: 32 hex digits. */
      id: string;
    };
    result: Pairing;
  };
  /** Ends a pairing and forgets that it was there. */
  'pair.forget': {
    params: {
      /** Its id: 32 hex digits. */
      id: string;
    };
    result: Empty;
  };
  /** Shows the status of the daemon and its connections. */
  'status.get': {
    params: {
      /** Only what is about these personas: their states, their relays, their messages. Absent: everything. */
      personas?: Array<string> | null | undefined;
    };
    result: Status;
  };
  /** Makes a persona; its bundle goes to its relay when the clock allows. */
  'persona.new': {
    params: {
      /** Whether it is to have a relay that no other persona of this home uses. */
      apart?: boolean | undefined;
      /** A name for use in this home only; nobody else sees it. 1 to 64 characters, none a control character. */
      name: string;
    };
    result: Persona;
  };
  /** Lists the personas of this home. */
  'persona.list': {
    params: {
      /** Only what comes after this place; take it from `next`. Absent: from the first. */
      after?: string | null | undefined;
    };
    result: PersonaList;
  };
  /** Shows one persona. */
  'persona.show': {
    params: {
      /** Its name in this home. */
      persona: string;
    };
    result: PersonaDetail;
  };
  /** Exports the persona's secret key. */
  'persona.export': {
    params: {
      /** Its name in this home. */
      persona: string;
    };
    result: ExportedPersona;
  };
  /** Makes a fresh bundle now and queues it for the relay. */
  'persona.publish': {
    params: {
      /** Its name in this home; absent: the only one there is. */
      persona?: string | null | undefined;
    };
    result: Published;
  };
  /** Connects a persona at once, where it would wait for a random time. */
  'persona.connect': {
    params: {
      /** Its name in this home. */
      persona: string;
    };
    result: Empty;
  };
  /** Imports personas from recovery words, a secret key, or a backup of Mask with all that is in it. */
  'persona.import': {
    params: {
      /**
       * A name for use in this home only. Absent: the name in the backup, or the first digits of the key.
       * A backup with several own personas takes no name.
       */
      name?: string | null | undefined;
      /** What to import. */
      source: ImportSource;
    };
    result: Imported;
  };
  /** Writes all personas, profiles and post keys of this home to a backup in Mask's format. */
  'persona.backup': {
    params: {
      /** Where to continue: `next` of the page before. Absent: the beginning. */
      after?: number | null | undefined;
      /** The password that opens it. Whoever has the file can try any number of passwords. */
      password: Secret;
    };
    result: BackupPage;
  };
  /** Writes a backup of this home, with its history, into a new file that is encrypted under a passphrase. */
  'home.backup': {
    params: {
      /**
       * The home moves to another machine with this backup: the daemon disconnects first, stops when the file is good,
       * and sends nothing after its next start.
       */
      move?: boolean | undefined;
      /** What opens it. */
      passphrase: Secret;
      /** The absolute path of the file, which must not be there yet. */
      path: string;
    };
    result: BackedUpHome;
  };
  /** Sets the passphrase of the backups that the daemon makes by itself, or says whether there is one. */
  'backup.passphrase': {
    params: {
      /** What opens the backups that the daemon makes by itself from now on. Absent: as it is. */
      passphrase?: Secret | null | undefined;
    };
    result: BackupPassphrase;
  };
  /** Adds a contact by address, invitation or bare key, and begins the conversation. */
  'contact.add': {
    params: {
      /**
       * A `bauta:` address, with or without an invitation, or a bare persona key: 66 hex digits, or as Mask writes it.
       * Or a text that holds one of them, such as that of a social profile, or a post of Mask.
       */
      address: string;
      /** A name for use in this home only. 1 to 64 characters, none a control character. */
      name: string;
      /** The persona that adds them; absent: the only one there is. */
      persona?: string | null | undefined;
    };
    result: Contact;
  };
  /** Lists the contacts of a persona. */
  'contact.list': {
    params: {
      /** Only what comes after this place; take it from `next`. Absent: from the first. */
      after?: string | null | undefined;
      /** The persona; absent: the only one there is. */
      persona?: string | null | undefined;
    };
    result: ContactList;
  };
  /** Shows one contact. */
  'contact.show': {
    params: {
      /** Their name in this home, or their public key. */
      contact: string;
      /** The persona that knows them; absent: the only one there is. */
      persona?: string | null | undefined;
    };
    result: Contact;
  };
  /** Makes an invitation for one person. */
  'contact.invite': {
    params: {
      /** The name for whoever answers; absent: the first digits of their key. */
      name?: string | null | undefined;
      /** The persona that invites; absent: the only one there is. */
      persona?: string | null | undefined;
    };
    result: Invitation;
  };
  /** Lists strangers' first messages that wait for an answer. */
  'contact.requests': {
    params: {
      /** Only what comes after this place; take it from `next`. Absent: from the first. */
      after?: string | null | undefined;
      /** The persona; absent: the only one there is. */
      persona?: string | null | undefined;
    };
    result: RequestList;
  };
  /** Makes the sender of a request a contact. */
  'contact.accept': {
    params: {
      /** The request's id. */
      id: string;
      /** A name for use in this home only. */
      name: string;
      /** The persona they wrote to; absent: whichever has the request. */
      persona?: string | null | undefined;
    };
    result: Contact;
  };
  /** Blocks a contact or the sender of a request, and deletes the request. */
  'contact.block': {
    params: {
      /** A request's id, or a contact's name or public key. */
      contact: string;
      /** The persona; absent: the only one there is, or whichever has the request. */
      persona?: string | null | undefined;
    };
    result: Blocked;
  };
  /** Gives the safety number to compare with a contact, and remembers the outcome. */
  'contact.verify': {
    params: {
      /** Their name in this home, or their public key. */
      contact: string;
      /** Remember that the numbers were equal (`true`) or no longer hold (`false`); absent: only show. */
      mark?: boolean | null | undefined;
      /** The persona that knows them; absent: the only one there is. */
      persona?: string | null | undefined;
    };
    result: SafetyNumber;
  };
  /** Gives a contact another name in this home. */
  'contact.rename': {
    params: {
      /** Their name in this home, or their public key. */
      contact: string;
      /** Their name from now on. */
      name: string;
      /** The persona that knows them; absent: the only one there is. */
      persona?: string | null | undefined;
    };
    result: Contact;
  };
  /** Mutes a contact, or no longer: programs should not call for attention when they write. */
  'contact.mute': {
    params: {
      /** Their name in this home, or their public key. */
      contact: string;
      /** Whether they are muted from now on. */
      muted: boolean;
      /** The persona that knows them; absent: the only one there is. */
      persona?: string | null | undefined;
    };
    result: Contact;
  };
  /** Says to a contact how long you want messages to stay; they disappear after the longer of what both want. */
  'contact.disappear': {
    params: {
      /**
       * How long messages should stay, in seconds: [`crate::limits::MIN_TIMER`] to [`crate::limits::MAX_TIMER`]; 0: they
       * should stay.
       */
      after: number;
      /** Their name in this home, or their public key. */
      contact: string;
      /** The persona that knows them; absent: the only one there is. */
      persona?: string | null | undefined;
    };
    result: Contact;
  };
  /** Takes back a block; the conversation with a contact begins again. */
  'contact.unblock': {
    params: {
      /** Their name in this home, or their public key. */
      contact: string;
      /** The persona that knows them; absent: the only one there is. */
      persona?: string | null | undefined;
    };
    result: Blocked;
  };
  /** Lists the keys that a persona blocks: of contacts, and of strangers. */
  'contact.blocked': {
    params: {
      /** Only what comes after this place; take it from `next`. Absent: from the first. */
      after?: string | null | undefined;
      /** The persona; absent: the only one there is. */
      persona?: string | null | undefined;
    };
    result: BlockedList;
  };
  /** Stores a message for a contact on this disk and returns; it goes out by itself. */
  'message.send': {
    params: {
      /** The contact's name in this home, or their public key. */
      contact: string;
      /** 32 hex digits chosen by the caller: sending again with the same id returns the first message. Absent: drawn. */
      id?: string | null | undefined;
      /** The persona that writes; absent: the only one there is. */
      persona?: string | null | undefined;
      /** 1 to [`crate::MAX_TEXT`] bytes of UTF-8. */
      text: string;
    };
    result: SentMessage;
  };
  /** Waits until an own message has come as far as a given state. */
  'message.wait': {
    params: {
      /** The message's id. */
      id: string;
      /** The state to wait for: `queued`, `stored` or `delivered`. */
      state: MessageState;
      /** How long, in milliseconds; at most [`crate::MAX_WAIT_MS`]. */
      timeout_ms: number;
    };
    result: SentMessage;
  };
  /** Lists messages that arrived for a persona. */
  'message.inbox': {
    params: {
      /** Only messages after this place; take it from `next`. Absent: from the first. */
      after?: number | null | undefined;
      /** At most this many; absent: 100. The answer may hold fewer. */
      limit?: number | null | undefined;
      /** The persona; absent: the only one there is. */
      persona?: string | null | undefined;
      /** Only messages that arrived here at this time or later. Absent: of every time. */
      since?: Utc | null | undefined;
      /** Only messages that were not marked as read. */
      unread?: boolean | undefined;
    };
    result: Inbox;
  };
  /** Lists the conversation with a contact. */
  'message.history': {
    params: {
      /** Only messages before this place; take it from `previous`. Absent: the latest. */
      before?: number | null | undefined;
      /** The contact's name in this home, or their public key. */
      contact: string;
      /**
       * The message with this id and those after it, whatever `before` is: to begin where a search led, or to go on from
       * the last message of an answer with `later`.
       */
      from?: string | null | undefined;
      /** At most this many; absent: 100. The answer may hold fewer. */
      limit?: number | null | undefined;
      /** The persona; absent: the only one there is. */
      persona?: string | null | undefined;
    };
    result: History;
  };
  /** Finds messages by words or parts of words, in every script. */
  'message.search': {
    params: {
      /** Only messages before this place; take it from `previous`. Absent: the latest. */
      before?: number | null | undefined;
      /** Only in the conversation with this contact: their name in this home, or their public key. Absent: in all. */
      contact?: string | null | undefined;
      /** At most this many; absent: 100. The answer may hold fewer. */
      limit?: number | null | undefined;
      /** The persona; absent: the only one there is. */
      persona?: string | null | undefined;
      /**
       * Words, or parts of words, of 1 to [`crate::limits::MAX_SEARCH`] characters together; a message is found that has
       * all of them, in any order. Case, accents and width do not matter, and neither does punctuation.
       */
      text: string;
    };
    result: Found;
  };
  /** Marks messages of a contact as read in this home. */
  'message.read': {
    params: {
      /** The contact's name in this home, or their public key. */
      contact: string;
      /** The id of the last message that was seen: it and all before it are read. Absent: all that are there. */
      id?: string | null | undefined;
      /** The persona; absent: the only one there is. */
      persona?: string | null | undefined;
    };
    result: Empty;
  };
  /** Lists the conversations of a persona, with how many messages are unread. */
  'conversation.list': {
    params: {
      /** Only what comes after this place; take it from `next`. Absent: from the first. */
      after?: string | null | undefined;
      /** The persona; absent: the only one there is. */
      persona?: string | null | undefined;
    };
    result: ConversationList;
  };
  /** Deletes a message from this home; one that is on its way may still arrive. */
  'message.delete': {
    params: {
      /** The contact's name in this home, or their public key. */
      contact: string;
      /** The message's id: 32 hex digits. */
      id: string;
      /** The persona; absent: the only one there is. */
      persona?: string | null | undefined;
    };
    result: Empty;
  };
  /** Deletes all messages with a contact from this home; the contact stays. */
  'conversation.delete': {
    params: {
      /** Their name in this home, or their public key. */
      contact: string;
      /** The persona that knows them; absent: the only one there is. */
      persona?: string | null | undefined;
    };
    result: Empty;
  };
  /** Deletes a contact and all that was said with them, or a request; whoever is blocked stays blocked. */
  'contact.delete': {
    params: {
      /** A request's id, or a contact's name or public key. */
      contact: string;
      /** The persona; absent: the only one there is, or whichever has the request. */
      persona?: string | null | undefined;
    };
    result: Empty;
  };
  /** Shows or sets after how many days messages are deleted from this home: the setting `history.days`. */
  'message.keep': {
    params: {
      /** Messages are deleted from this home after so many days; 0: never. Absent: as it is. */
      days?: number | null | undefined;
    };
    result: KeptMessages;
  };
  /** Deletes a persona with its key, contacts, messages and posts' keys, and ends pairings that are limited to it. */
  'persona.delete': {
    params: {
      /** Its name in this home. */
      persona: string;
    };
    result: Empty;
  };
  /** Encrypts a post and queues its keys for the Gun relays. */
  'post.encrypt': {
    params: {
      /**
       * The author's own profile there, as `person:twitter.com/alice` or `alice`; everybody can read it in the post.
       * Absent: the persona's profile, if one was set (`profile.set`); else the post names no profile.
       */
      author?: string | null | undefined;
      /** How its keys reach the recipients; absent: `both`. */
      delivery?: PostDelivery | null | undefined;
      /** Absent: `v37`. */
      format?: PostFormat | null | undefined;
      /** Metadata of plugins: a JSON object, kept value for value. */
      meta?: Record<never, never> | null | undefined;
      /** Where the post will be pasted; absent: Twitter. */
      network?: SocialNetwork | null | undefined;
      /** The persona that writes; absent: the only one there is. */
      persona?: string | null | undefined;
      /** For everybody who has Mask or a program like it. */
      public?: boolean | undefined;
      /** 1 to [`crate::MAX_POST_TEXT`] bytes of UTF-8. */
      text: string;
      /** For these: contacts' names or public keys, known profiles (`person:twitter.com/bob`), or bare persona keys. */
      to?: Array<string> | undefined;
    };
    result: EncryptedPost;
  };
  /** Waits until nothing of a post waits to be published. */
  'post.wait': {
    params: {
      /** The post's IV: base64 of 16 bytes. */
      iv: string;
      /** The persona that wrote the post; absent: any. */
      persona?: string | null | undefined;
      /** The personas that may have written it; absent: all. */
      personas?: Array<string> | null | undefined;
      /** How long, in milliseconds; at most [`crate::MAX_WAIT_MS`]. */
      timeout_ms: number;
    };
    result: PublishedPost;
  };
  /** Says what it takes to open a post, and what is known of its author; nobody is asked for anything. */
  'post.check': {
    params: {
      /**
       * The profile that the page shows as author, as `person:twitter.com/alice` or `alice`.
       * The author's key is learned when the post names the same one.
       */
      author?: string | null | undefined;
      /** The network where the post was found; absent: the one it names, or else all are tried. */
      network?: SocialNetwork | null | undefined;
      /** Open it only with what is on this machine; nothing is looked up. */
      offline?: boolean | undefined;
      /** The persona that reads; absent: each is tried. */
      persona?: string | null | undefined;
      /** The personas that may be tried; absent: all. A pairing that is limited to some has these. */
      personas?: Array<string> | null | undefined;
      /**
       * Look up a post of version -40 although that shows the reader's profile name to everybody who is connected to the
       * Gun relay. Without it, such a post is `post.reveals`.
       */
      reveal_profile?: boolean | undefined;
      /**
       * The site that shows the post, such as `https://twitter.com`: kept with the post's key the first time.
       * At most 255 bytes.
       */
      site?: string | null | undefined;
      /** The post; words around it do not matter. Of several posts, the first that opens is the answer. */
      text: string;
      /** How long to look for a key, in milliseconds; at most [`crate::MAX_WAIT_MS`]. Absent: 90 seconds. */
      timeout_ms?: number | null | undefined;
    };
    result: CheckedPost;
  };
  /** Opens a post; where its key is not on this machine, it is looked up. */
  'post.decrypt': {
    params: {
      /**
       * The profile that the page shows as author, as `person:twitter.com/alice` or `alice`.
       * The author's key is learned when the post names the same one.
       */
      author?: string | null | undefined;
      /** The network where the post was found; absent: the one it names, or else all are tried. */
      network?: SocialNetwork | null | undefined;
      /** Open it only with what is on this machine; nothing is looked up. */
      offline?: boolean | undefined;
      /** The persona that reads; absent: each is tried. */
      persona?: string | null | undefined;
      /** The personas that may be tried; absent: all. A pairing that is limited to some has these. */
      personas?: Array<string> | null | undefined;
      /**
       * Look up a post of version -40 although that shows the reader's profile name to everybody who is connected to the
       * Gun relay. Without it, such a post is `post.reveals`.
       */
      reveal_profile?: boolean | undefined;
      /**
       * The site that shows the post, such as `https://twitter.com`: kept with the post's key the first time.
       * At most 255 bytes.
       */
      site?: string | null | undefined;
      /** The post; words around it do not matter. Of several posts, the first that opens is the answer. */
      text: string;
      /** How long to look for a key, in milliseconds; at most [`crate::MAX_WAIT_MS`]. Absent: 90 seconds. */
      timeout_ms?: number | null | undefined;
    };
    result: DecryptedPost;
  };
  /** Lets more people read an own post. */
  'post.append': {
    params: {
      /** How its keys reach the recipients; absent: `both`. */
      delivery?: PostDelivery | null | undefined;
      /** Where the post was pasted; absent: as when it was written, or as its text shows. */
      network?: SocialNetwork | null | undefined;
      /** The persona that wrote the post; absent: whichever did. */
      persona?: string | null | undefined;
      /** The post as it was pasted; words around it do not matter. */
      text: string;
      /** Further recipients, as in `post.encrypt`. */
      to: Array<string>;
    };
    result: AppendedPost;
  };
  /** Shows or sets how posts are looked up. */
  'post.settings': {
    params: {
      /** A look-up always asks for this many neighbouring tags, all of one fixed block: a power of two up to 64. */
      block?: number | null | undefined;
      /** What this costs and what it hides, in a sentence. Only in results. */
      cost?: string | null | undefined;
      /** The other tags of a block are asked for within this many seconds; at most 3600. */
      spread_seconds?: number | null | undefined;
    };
    result: PostSettings;
  };
  /** Lists the profiles whose persona keys are known. */
  'profile.list': {
    params: {
      /** Only what comes after this place; take it from `next`. Absent: from the first. */
      after?: string | null | undefined;
    };
    result: ProfileList;
  };
  /** Sets whose a profile is. */
  'profile.set': {
    params: {
      /** Whose it is: the name of an own persona or of a contact, or a persona key. */
      of: string;
      /** The persona whose contacts are meant; absent: the only one there is. */
      persona?: string | null | undefined;
      /** `person:twitter.com/alice`, or `twitter.com/alice`. */
      profile: string;
      /** Take the key in place of another one that is known for the profile. */
      replace?: boolean | undefined;
    };
    result: Profile;
  };
  /** Forgets a profile; the key in its next post is believed again. */
  'profile.forget': {
    params: {
      /** `person:twitter.com/alice`, or `twitter.com/alice`. */
      profile: string;
    };
    result: Empty;
  };
  /** Lists the settings of this home. */
  'config.list': {
    params: Record<never, never>;
    result: SettingList;
  };
  /** Shows one setting. */
  'config.get': {
    params: {
      /** Its name, as in `config.list`. */
      key: string;
    };
    result: Setting;
  };
  /** Changes a setting; it stays until it is changed again, here or by what the daemon is started with. */
  'config.set': {
    params: {
      /** Its name, as in `config.list`. */
      key: string;
      /** Its values from now on, in place of those before. Empty: the default again. */
      values?: Array<string> | undefined;
    };
    result: Setting;
  };
  /** Stops the daemon after answering. */
  'daemon.stop': {
    params: Record<never, never>;
    result: Empty;
  };
  /** Locks the daemon: it ends its connections, closes the store and starts again with empty memory, locked. */
  'lock': {
    params: Record<never, never>;
    result: Empty;
  };
  /** Opens the store of a locked daemon, which then connects; nothing happens where it is open. */
  'unlock': {
    params: {
      /** The passphrase, where the home is protected by one. */
      passphrase?: Secret | null | undefined;
    };
    result: Empty;
  };
}

export type MethodName = keyof Methods;

/** What a method needs and reveals, as the API states it. */
export interface MethodFacts {
  /** Null: free, also before pairing. */
  readonly grant: Grant | 'any' | null;
  readonly network: 'none' | 'queued' | 'interactive';
  readonly reveals: string;
}

export const METHODS: { readonly [M in MethodName]: MethodFacts } = {
  'hello': { grant: null, network: 'none', reveals: "Nothing." },
  'event.subscribe': { grant: 'any', network: 'none', reveals: "Nothing." },
  'pair.request': { grant: null, network: 'none', reveals: "Nothing." },
  'session.challenge': { grant: null, network: 'none', reveals: "Nothing." },
  'session.prove': { grant: null, network: 'none', reveals: "Nothing." },
  'pair.approve': { grant: 'persona.admin', network: 'none', reveals: "The extension can do what it is granted." },
  'pair.list': { grant: 'persona.admin', network: 'none', reveals: "Nothing." },
  'pair.revoke': { grant: 'persona.admin', network: 'none', reveals: "Nothing." },
  'pair.forget': { grant: 'persona.admin', network: 'none', reveals: "Nothing." },
  'status.get': { grant: 'status.read', network: 'none', reveals: "Nothing." },
  'persona.new': { grant: 'persona.admin', network: 'queued', reveals: "The relay learns that a persona with this key has an inbox there. The local network and the gateway see one more connection." },
  'persona.list': { grant: 'contacts.read', network: 'none', reveals: "Nothing." },
  'persona.show': { grant: 'contacts.read', network: 'none', reveals: "Nothing." },
  'persona.export': { grant: 'persona.admin', network: 'none', reveals: "The caller learns the secret key and can be this persona from then on." },
  'persona.publish': { grant: 'persona.admin', network: 'queued', reveals: "The relay learns that this persona published now." },
  'persona.connect': { grant: 'persona.admin', network: 'queued', reveals: "The relays and gateways can tell that this persona and the others that are connected belong to one machine." },
  'persona.import': { grant: 'persona.admin', network: 'queued', reveals: "The relay learns that personas with these keys have inboxes there. The local network and the gateway see one more connection for each." },
  'persona.backup': { grant: 'persona.admin', network: 'none', reveals: "Anybody who has the file and its password can be these personas." },
  'home.backup': { grant: 'persona.admin', network: 'none', reveals: "Anybody who has the file and its passphrase can be these personas, and read their history." },
  'backup.passphrase': { grant: 'persona.admin', network: 'none', reveals: "Nothing." },
  'contact.add': { grant: 'messages.send', network: 'queued', reveals: "With an invitation: the relay sees boxes like any others. Without: the contact's relay learns that someone asked for this persona's bundle and left a first message. The contact learns this persona's key." },
  'contact.list': { grant: 'contacts.read', network: 'none', reveals: "Nothing." },
  'contact.show': { grant: 'contacts.read', network: 'none', reveals: "Nothing." },
  'contact.invite': { grant: 'messages.send', network: 'queued', reveals: "The relay sees boxes like any others. Whoever sees the invitation learns the persona's key and relay and can answer in the guest's place." },
  'contact.requests': { grant: 'messages.read', network: 'none', reveals: "Nothing; the sender learns nothing until you accept." },
  'contact.accept': { grant: 'messages.send', network: 'queued', reveals: "The sender learns that their message arrived." },
  'contact.block': { grant: 'messages.send', network: 'none', reveals: "Nothing; to the other side it looks like being offline." },
  'contact.verify': { grant: 'messages.send', network: 'none', reveals: "Nothing." },
  'contact.rename': { grant: 'messages.send', network: 'none', reveals: "Nothing." },
  'contact.mute': { grant: 'messages.send', network: 'none', reveals: "Nothing." },
  'contact.disappear': { grant: 'messages.send', network: 'queued', reveals: "The contact learns what you want, and that you are online. The contact's relay sees boxes from nobody in particular." },
  'contact.unblock': { grant: 'messages.send', network: 'queued', reveals: "The contact's relay learns that somebody asked for their bundle and left a message. The contact learns that you are there again." },
  'contact.blocked': { grant: 'contacts.read', network: 'none', reveals: "Nothing." },
  'message.send': { grant: 'messages.send', network: 'queued', reveals: "The contact's relay sees boxes from nobody in particular. The contact learns that you are online." },
  'message.wait': { grant: 'messages.send', network: 'none', reveals: "Nothing." },
  'message.inbox': { grant: 'messages.read', network: 'none', reveals: "Nothing; receipts do not depend on reading." },
  'message.history': { grant: 'messages.read', network: 'none', reveals: "Nothing." },
  'message.search': { grant: 'messages.read', network: 'none', reveals: "Nothing." },
  'message.read': { grant: 'messages.read', network: 'none', reveals: "Nothing; receipts do not depend on reading." },
  'conversation.list': { grant: 'messages.read', network: 'none', reveals: "Nothing." },
  'message.delete': { grant: 'messages.send', network: 'none', reveals: "Nothing; the other side keeps what it has." },
  'conversation.delete': { grant: 'messages.send', network: 'none', reveals: "Nothing; the other side keeps what it has." },
  'contact.delete': { grant: 'messages.send', network: 'none', reveals: "Nothing; to the other side it looks like being offline." },
  'message.keep': { grant: 'messages.send', network: 'none', reveals: "Nothing; the other side keeps what it has." },
  'persona.delete': { grant: 'persona.admin', network: 'queued', reveals: "The local network and the gateway see a connection end." },
  'post.encrypt': { grant: 'posts.use', network: 'queued', reveals: "The Gun relays learn that somebody, through an exit of the mixnet, wrote keys for one post into the partitions of its recipients: 12 bits about the post and 12 about each of them; with the delivery `contacts` they learn nothing. A contact's relay sees boxes like any others. Whoever sees the post learns the persona's key, and the profile if there is one." },
  'post.wait': { grant: 'posts.use', network: 'none', reveals: "Nothing." },
  'post.check': { grant: 'posts.use', network: 'none', reveals: "Nothing." },
  'post.decrypt': { grant: 'posts.use', network: 'interactive', reveals: "Nothing, when the key is here or in the post. Otherwise the Gun relays, and others connected to them, learn that somebody asked for a partition: 12 bits about the post, and 12 about each persona that is tried less those that the block hides; several personas tried for one post can be told to be one reader's. With reveal_profile, for a post of version -40, they learn the reader's profile name instead." },
  'post.append': { grant: 'posts.use', network: 'queued', reveals: "As post.encrypt; the post itself does not change." },
  'post.settings': { grant: 'persona.admin', network: 'none', reveals: "Nothing." },
  'profile.list': { grant: 'contacts.read', network: 'none', reveals: "Nothing." },
  'profile.set': { grant: 'messages.send', network: 'none', reveals: "Nothing." },
  'profile.forget': { grant: 'messages.send', network: 'none', reveals: "Nothing." },
  'config.list': { grant: 'persona.admin', network: 'none', reveals: "Nothing." },
  'config.get': { grant: 'persona.admin', network: 'none', reveals: "Nothing." },
  'config.set': { grant: 'persona.admin', network: 'none', reveals: "Nothing at once; what relays, exits and observers see afterwards depends on the setting." },
  'daemon.stop': { grant: 'persona.admin', network: 'queued', reveals: "The local network and the gateway see the connections end." },
  'lock': { grant: 'persona.admin', network: 'queued', reveals: "The local network and the gateway see the connections end." },
  'unlock': { grant: 'persona.admin', network: 'queued', reveals: "The local network and the gateway see the connections begin." },
};

/** The numbers of the API. */
export const LIMITS = {
  /** How long the code of a pairing can be typed, in milliseconds. */
  code_ms: 120000,
  /** How many wrong codes end a pairing. */
  code_tries: 3,
  /** The time in which `max_codes` count, in milliseconds. */
  codes_ms: 600000,
  /** How long calls under way may still run when the program has stopped writing, in milliseconds. */
  finish_ms: 5000,
  /** Within this time the first frame must be there, in milliseconds. */
  hello_ms: 10000,
  /** How long a daemon may take to lock, in milliseconds; then its process begins anew all the same. */
  locking_ms: 10000,
  /** How long `post.decrypt` looks for a key where the call does not say, in milliseconds. */
  lookup_ms: 90000,
  /** Personas for which one call of `post.decrypt` looks a key up, at most. */
  lookup_personas: 8,
  /** Calls at a time on a connection; a further one gets `daemon.busy`. */
  max_calls: 32,
  /** Codes that are drawn within `codes_ms`, at most. */
  max_codes: 5,
  /** Connections at a time on a socket; for a further one the longest idle one makes place, or it gets `daemon.busy`. */
  max_connections: 64,
  /** Bytes of the longest frame in either direction, without its line feed. */
  max_frame: 1048576,
  /** Bytes of the longest id of a request. */
  max_id: 128,
  /** Bytes of the longest message or hint of an error; a longer one is cut. */
  max_message: 4000,
  /** Characters of the longest name of a persona or a contact, and of the longest label of a pairing. */
  max_name: 64,
  /** Items of a list in one answer, at most. */
  max_page: 500,
  /** Personas that one pairing may be limited to. */
  max_paired_personas: 64,
  /** Pairings in force at a time. As many revoked ones are remembered. */
  max_pairings: 1000,
  /** Bytes of the longest text of a post, in UTF-8. */
  max_post_text: 200000,
  /** Characters of the longest text that messages are searched for. */
  max_search: 256,
  /** Bytes of the longest name of a site where a post is shown. */
  max_site: 255,
  /** Bytes of the longest text of a message, in UTF-8. */
  max_text: 15000,
  /** The longest time after which messages disappear, in seconds: a year. */
  max_timer: 31557600,
  /** The longest time that `message.wait`, `post.wait` and `post.decrypt` wait, in milliseconds. */
  max_wait_ms: 600000,
  /** The shortest time after which messages disappear, in seconds. */
  min_timer: 30,
  /** Messages in one answer, where the call does not say how many. */
  page: 100,
  /** Bytes of the items in one answer, as they are encoded, at most; but always one item. */
  page_bytes: 524288,
  /** The version of the protocol; raised when an older client could not go on. */
  protocol: 1,
  /** Within this time a program must take a frame, in milliseconds; otherwise it is dropped. */
  read_ms: 20000,
  /** How long programs wait for a daemon that is starting, in milliseconds. */
  starting_ms: 10000,
} as const;

/** The traffic profiles, as `status.get` names them. */
export const TRAFFIC_PROFILES = [
  'full',
  'saver',
  'metered',
  'paranoid',
  'test',
] as const;

/** Every grant, least first. */
export const GRANTS: readonly Grant[] = [
  'status.read',
  'posts.use',
  'contacts.read',
  'messages.read',
  'messages.send',
  'persona.admin',
];

/** The error codes that the daemon documents; expect others, too. */
export const ERROR_CODES = [
  'request.parse',
  'request.invalid',
  'request.batch',
  'request.too_large',
  'answer.too_large',
  'request.method',
  'request.params',
  'hello.required',
  'hello.unsupported',
  'hello.repeated',
  'access.denied',
  'access.peer',
  'access.unpaired',
  'access.revoked',
  'access.origin',
  'access.files',
  'pair.pending',
  'pair.limit',
  'pair.key',
  'pair.code',
  'pair.grant',
  'pair.unknown',
  'session.refused',
  'daemon.not_running',
  'daemon.unreachable',
  'daemon.busy',
  'daemon.stopping',
  'daemon.locked',
  'daemon.running',
  'usage',
  'home.invalid',
  'unlock.required',
  'unlock.failed',
  'store.locked',
  'store.gone',
  'store.newer',
  'store.old',
  'store.full',
  'store.failed',
  'config.unknown',
  'config.value',
  'network.invalid',
  'network.unreachable',
  'network.clock',
  'network.tickets',
  'network.full',
  'network.protocol',
  'network.refused',
  'network.timeout',
  'relay.none',
  'relay.invalid',
  'relay.refused',
  'relay.suspect',
  'relay.dishonest',
  'relay.nonsense',
  'relay.apart',
  'relay.failed',
  'localnet.failed',
  'persona.none',
  'persona.choice',
  'persona.unknown',
  'persona.exists',
  'persona.elsewhere',
  'persona.secret',
  'backup.place',
  'backup.passphrase',
  'backup.damaged',
  'backup.failed',
  'home.moved',
  'backup.invalid',
  'backup.password',
  'backup.version',
  'name.invalid',
  'contact.unknown',
  'contact.exists',
  'contact.address',
  'contact.self',
  'contact.blocked',
  'contact.pending',
  'contact.request_unknown',
  'contact.unreachable',
  'contact.changed',
  'contact.restarted',
  'contact.requests_lost',
  'invitation.used',
  'invitation.expired',
  'message.exists',
  'message.unknown',
  'message.text',
  'search.text',
  'message.failed',
  'message.timeout',
  'message.unreceived',
  'post.none',
  'post.damaged',
  'post.version',
  'post.curve',
  'post.not_shared',
  'post.reveals',
  'post.author',
  'post.text',
  'post.recipients',
  'post.unknown',
  'post.timeout',
  'post.failed',
  'profile.invalid',
  'profile.unknown',
  'profile.changed',
  'gun.unreachable',
  'gun.none',
  'event.cursor',
  'event.subscribed',
  'interrupted',
  'file.failed',
  'internal',
] as const;

/** Sends one call and returns its result, or throws. */
export type Call = <M extends MethodName>(method: M, params: Methods[M]['params']) => Promise<Methods[M]['result']>;
