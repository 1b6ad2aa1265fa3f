import { open, type Memvid } from '@memvid/sdk';
import { textOf, uriOf, vectorOf, wordOf, type Model } from './documents.ts';
import type { Change, Line } from './writer.ts';

/** A document as it has to be. */
interface Expected {
  id: string;
  /** Decides its text. */
  name: string;
}

/** What became of the changes that were not acknowledged. */
export interface Unacknowledged {
  carriedOut: number;
  without: number;
}

/**
 * What a memory has to hold, from what its writers said. What was acknowledged is certain; what was begun and not
 * acknowledged may be there as a whole or not at all, and `check` finds out which.
 */
export class Expectation {
  readonly alive = new Map<string, Expected>();
  /** Words that no document has any more. */
  readonly #gone: string[] = [];
  model: Model | undefined;
  /** Begins the addresses of documents that others store, of which nothing is known. */
  foreign: string | undefined;
  /** How many of those there were. */
  foreignSeen = 0;
  #open: Change[] = [];
  readonly acknowledged = new Map<string, number>();

  constructor(model: Model | undefined) {
    this.model = model;
  }

  /** Takes in what a writer printed before it died. */
  take(printed: string): void {
    const begun = new Map<number, Change>();
    // What stands behind the last line end was cut off by the kill.
    for (const text of printed.split('\n').slice(0, -1)) {
      if (text === 'ready') continue;
      const line = JSON.parse(text) as Line;
      if ('begun' in line) {
        begun.set(line.begun, line.change);
        continue;
      }
      const change = begun.get(line.done);
      if (change === undefined) throw new Error(`no change ${line.done} was begun`);
      begun.delete(line.done);
      this.acknowledged.set(change.call, (this.acknowledged.get(change.call) ?? 0) + 1);
      this.#apply(change, line.ids ?? []);
    }
    this.#open.push(...begun.values());
  }

  #apply(change: Change, ids: readonly string[]): void {
    switch (change.call) {
      case 'put':
      case 'putMany':
        change.names.forEach((name, at) => this.alive.set(uriOf(name), { id: ids[at] ?? '', name }));
        break;
      case 'update': {
        this.#gone.push(this.alive.get(change.uri)?.name ?? '');
        this.alive.set(change.uri, { id: ids[0] ?? '', name: change.name });
        break;
      }
      case 'remove':
      case 'removeMany':
        for (const uri of change.uris) {
          this.#gone.push(this.alive.get(uri)?.name ?? '');
          this.alive.delete(uri);
        }
        break;
      case 'reembed':
        this.model = change.model;
        break;
      default:
    }
  }

  /** Compares a memory with what it has to hold. `look`: how many documents are read, searched and found by meaning. */
  async check(
    file: string,
    options: { readOnly: boolean; look: number; random: () => number },
  ): Promise<{ problems: string[]; unacknowledged: Unacknowledged }> {
    const problems: string[] = [];
    const unacknowledged = { carriedOut: 0, without: 0 };
    const memory = await open(file, { readOnly: options.readOnly });
    try {
      const { overall_status, checks } = await memory.verify({ deep: true });
      if (overall_status !== 'passed') {
        problems.push(`verify: ${JSON.stringify(checks.filter(({ status }) => status === 'failed'))}`);
      }
      const listed = new Map<string, number>();
      for (const { uri, frame_id } of await memory.timeline({ limit: 10_000_000 })) {
        if (listed.has(uri)) problems.push(`${uri} is there twice`);
        listed.set(uri, frame_id);
      }
      await this.#settle(memory, listed, problems, unacknowledged);
      for (const [uri, { id }] of this.alive) {
        const found = listed.get(uri);
        if (found === undefined) problems.push(`lost: ${uri}`);
        else if (String(found) !== id) problems.push(`${uri} is frame ${found}, not ${id}`);
        listed.delete(uri);
      }
      for (const uri of listed.keys()) {
        if (this.foreign !== undefined && uri.startsWith(this.foreign)) {
          this.foreignSeen += 1;
          continue;
        }
        problems.push(`nobody stored ${uri}, or it was removed`);
      }
      await this.#look(memory, options, problems);
    } finally {
      await memory.close();
    }
    return { problems, unacknowledged };
  }

  /** Finds out what became of the changes that were under way. */
  async #settle(
    memory: Memvid,
    listed: ReadonlyMap<string, number>,
    problems: string[],
    unacknowledged: Unacknowledged,
  ): Promise<void> {
    for (const change of this.#open.splice(0)) {
      const wasDone = await this.#wasDone(memory, change, listed, problems);
      if (wasDone === undefined) continue;
      if (wasDone) {
        unacknowledged.carriedOut += 1;
        const ids = 'names' in change ? change.names.map(uriOf) : 'uri' in change ? [change.uri] : [];
        this.#apply(
          change,
          ids.map((uri) => String(listed.get(uri))),
        );
      } else {
        unacknowledged.without += 1;
      }
    }
  }

  async #wasDone(
    memory: Memvid,
    change: Change,
    listed: ReadonlyMap<string, number>,
    problems: string[],
  ): Promise<boolean | undefined> {
    const half = (what: string, count: number, all: number): boolean => {
      if (count !== 0 && count !== all) problems.push(`half present: ${count} of ${all} of a ${what}`);
      return count > 0;
    };
    switch (change.call) {
      case 'put':
      case 'putMany': {
        const there = change.names.filter((name) => listed.has(uriOf(name)));
        return half(change.call, there.length, change.names.length);
      }
      case 'update': {
        const id = listed.get(change.uri);
        if (id === undefined) return false; // Told as lost below.
        return (await memory.view(id)) === textOf(change.name);
      }
      case 'remove':
      case 'removeMany': {
        const gone = change.uris.filter((uri) => !listed.has(uri));
        return half(change.call, gone.length, change.uris.length);
      }
      case 'reembed':
        return (await modelOf(memory)) === change.model;
      default:
        return undefined;
    }
  }

  async #look(
    memory: Memvid,
    { look, random }: { look: number; random: () => number },
    problems: string[],
  ): Promise<void> {
    const all = [...this.alive];
    // The newest are those that a crash can hurt.
    const newest = all.slice(-Math.ceil(look / 2));
    const others = Array.from(
      { length: Math.min(look - newest.length, all.length) },
      () => all[Math.floor(random() * all.length)],
    );
    const model = await modelOf(memory);
    if (this.model !== undefined && this.alive.size > 0 && model !== this.model) {
      problems.push(`vectors are of ${model}, not of ${this.model}`);
    }
    for (const [at, chosen] of [...newest, ...others].entries()) {
      if (chosen === undefined) continue;
      const [uri, { id, name }] = chosen;
      const text = textOf(name);
      const stored = await memory.view(id).catch(String);
      if (stored !== text) problems.push(`${uri} has another text: ${stored.slice(0, 80)}`);
      if (at % 8 !== 0) continue;
      const found = await memory.find(wordOf(name), { k: 3 });
      if (found.total_hits !== 1 || found.hits[0]?.uri !== uri) {
        // A hit may be a chunk, which has an address of its own below that of its document.
        const parent = (await memory.getFrameInfo(found.hits[0]?.frame_id ?? 0)).parent_id;
        if (found.total_hits !== 1 || String(parent) !== id) {
          problems.push(`${wordOf(name)} finds ${found.hits.map((hit) => hit.uri).join(', ') || 'nothing'}`);
        }
      }
      if (this.model === undefined) continue;
      const near = await memory.vecSearch('anything', vectorOf(text, this.model), { k: 1 });
      if (near.hits[0]?.uri !== uri) problems.push(`by meaning ${uri} is not found: ${near.hits[0]?.uri}`);
    }
    for (const name of this.#gone.slice(-Math.ceil(look / 16))) {
      const found = await memory.find(wordOf(name), { k: 1 });
      if (found.total_hits > 0) problems.push(`${wordOf(name)} is still found`);
    }
  }
}

async function modelOf(memory: Memvid): Promise<string | undefined> {
  const { embedding_identity_summary: summary } = await memory.stats();
  if (summary.kind !== 'single') return summary.kind === 'unknown' ? undefined : summary.kind;
  return summary.identity?.model ?? undefined;
}
