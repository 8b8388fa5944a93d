import { demoAccounts, demoFields, demoRoles, type Account, type Row } from "./people.js";

export interface ServerOptions {
  accounts?: Account[];
  /** What each role may do. */
  roles?: Record<string, string[]>;
  /** The fields that a person may change of their own, with what is accepted. */
  fields?: Record<string, (value: unknown) => boolean>;
  /** How long a session lasts, in milliseconds. Default: an hour. */
  sessionTime?: number;
  /** How long a session lasts that nobody uses, in milliseconds. Default: as long as one that is used. */
  idleTime?: number;
  /** How many updates a person may ask for in a minute. Default: any number. */
  updatesPerMinute?: number;
}

/** A stream of events that somebody listens to. */
export interface Stream {
  row: Row;
  send(type: string, version?: string): void;
  /** The server has ended it. */
  close(): void;
}

/** What the server in memory knows: people, sessions, and who listens. */
export class World {
  readonly accounts: Account[];
  readonly roles: Record<string, string[]>;
  readonly fields: Record<string, (value: unknown) => boolean>;
  readonly streams = new Set<Stream>();
  private readonly rows = new Map<string, Row>();
  private readonly sessionTime: number;
  private readonly idleTime: number;
  private readonly updatesPerMinute: number;
  private readonly updates = new Map<Account, number[]>();
  private count = 0;

  constructor({ accounts = demoAccounts(), roles = demoRoles, fields = demoFields, sessionTime = 36e5, idleTime = Infinity, updatesPerMinute = Infinity }: ServerOptions) {
    this.accounts = accounts;
    this.roles = roles;
    this.fields = fields;
    this.sessionTime = sessionTime;
    this.idleTime = idleTime;
    this.updatesPerMinute = updatesPerMinute;
  }

  /** The session that a cookie stands for. */
  find(id: string | null): Row | undefined {
    const row = this.rows.get(id!);
    if (row && row.expires <= Date.now()) this.end(row, "expired");
    return this.rows.get(id!);
  }

  begin(account: Account): Row {
    const absolute = Date.now() + this.sessionTime;
    const row = { id: "session" + ++this.count, account, version: 1, expires: absolute, absolute };
    this.rows.set(row.id, row);
    this.use(row);
    return row;
  }

  /** Sets the idle clock back. */
  use(row: Row): void {
    row.expires = Math.min(row.absolute, Date.now() + this.idleTime);
  }

  end(row: Row, why: "revoked" | "expired"): void {
    this.rows.delete(row.id);
    for (const stream of [...this.streams].filter((s) => s.row === row)) {
      stream.send("session." + why);
      stream.close();
    }
  }

  /** Counts an update, and returns for how many seconds there may be none. */
  limit(account: Account): number {
    const recent = (this.updates.get(account) ?? []).filter((at) => at > Date.now() - 6e4);
    const over = recent.length >= this.updatesPerMinute;
    this.updates.set(account, over ? recent : [...recent, Date.now()]);
    return over ? Math.ceil((recent[0]! + 6e4 - Date.now()) / 1e3) : 0;
  }

  /** Ends all sessions of a person. */
  revoke(account: Account): void {
    for (const row of [...this.rows.values()].filter((r) => r.account === account)) this.end(row, "revoked");
  }

  /** Moves the end of all sessions of a person. */
  extend(account: Account, ms: number): void {
    for (const row of this.rows.values()) if (row.account === account) row.expires = row.absolute = Date.now() + ms;
  }

  versionOf = (row: Row) => `${row.id}.${row.version}`;

  permissionsOf = ({ role, permissions }: Account) => [...new Set([...(this.roles[role] ?? []), ...permissions])].sort();

  isAdmin = ({ role }: Account) => role === "admin";

  /** The value of a declared field, by its name. */
  valueOf(account: any, field: string): unknown {
    return field.startsWith("user.") ? account[field.slice(5)] : field in account ? account[field] : account.data[field];
  }

  /** Changes fields of a person, which reaches all sessions of that person. */
  change(account: any, values: Record<string, unknown>): void {
    for (const [field, value] of Object.entries(values)) {
      if (field.startsWith("user.")) account[field.slice(5)] = value;
      else if (field in account) account[field] = value;
      else account.data = { ...account.data, [field]: value };
    }
    for (const row of this.rows.values()) if (row.account === account) row.version++;
    for (const stream of this.streams) if (stream.row.account === account) stream.send("session.updated", this.versionOf(stream.row));
  }
}
