/**
 * Changes a memory until it is killed, and tells what it does: a line `{ begun }` before each change and
 * `{ done }` when it was acknowledged. Started by `crash.ts` and `together.ts`; its one argument is a `Task` as JSON.
 */
import { readFileSync, writeSync } from 'node:fs';
import { open, type Memvid } from '@memvid/sdk';
import { randomNumbers } from '../support/random.ts';
import { embedderOf, keptName, textOf, uriOf, type Model } from './documents.ts';

export interface Task {
  readonly file: string;
  /** Begins every name that this writer gives. */
  readonly prefix: string;
  readonly seed: number;
  /** Makes the vectors; without it there are none. */
  readonly model?: Model | undefined;
  /** Whether other writers change the file too: what concerns all of it is left out. */
  readonly shared: boolean;
  /** After so many writes of documents it closes the memory and ends; absent: it goes on until it is killed. */
  readonly most?: number;
  /** A file with the documents it may change: `[id, name]` each. */
  readonly known: string;
}

/** A change, as the checker has to understand it. Names stand for documents (`documents.ts`). */
export type Change =
  | { readonly call: 'put' | 'putMany'; readonly names: readonly string[] }
  | { readonly call: 'update'; readonly uri: string; readonly name: string }
  | { readonly call: 'remove' | 'removeMany'; readonly uris: readonly string[] }
  | { readonly call: 'reembed'; readonly model: Model }
  | { readonly call: 'seal' | 'reopen' | 'compact' | 'purge' | 'doctor' | 'vacuum' | 'enableLex' };

export type Line =
  | { readonly begun: number; readonly change: Change }
  | { readonly done: number; readonly ids?: readonly string[] };

/** A document that may be changed. */
interface Known {
  id: string;
  readonly uri: string;
}

class Writer {
  readonly #task: Task;
  readonly #random: () => number;
  readonly #known: Known[];
  #memory: Memvid;
  #model: Model | undefined;
  #changes = 0;
  #names = 0;
  /** Writes of documents that were acknowledged. */
  writes = 0;

  constructor(task: Task, memory: Memvid) {
    this.#task = task;
    this.#memory = memory;
    this.#model = task.model;
    this.#random = randomNumbers(task.seed);
    this.#known = (JSON.parse(readFileSync(task.known, 'utf8')) as [string, string][]).map(([id, uri]) => ({
      id,
      uri,
    }));
  }

  static open(task: Task, model: Model | undefined): Promise<Memvid> {
    return open(task.file, {
      // The reference keeps the lock for as long as it rewrites the whole file.
      lockTimeoutMs: 600_000,
      ...(model === undefined ? {} : { embedder: embedderOf(model) }),
    });
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  #name(): string {
    this.#names += 1;
    return `${this.#task.prefix}n${this.#names}`;
  }

  /** Takes a document out of those that may be changed, so that no two changes are about the same. */
  #take(): Known | undefined {
    return this.#known.splice(this.#below(this.#known.length), 1)[0];
  }

  async #tell<T>(change: Change, run: () => Promise<T>, ids?: (result: T) => readonly string[]): Promise<T> {
    this.#changes += 1;
    const number = this.#changes;
    say({ begun: number, change });
    const result = await run();
    say({ done: number, ...(ids === undefined ? {} : { ids: ids(result) }) });
    if ('names' in change || 'uris' in change || 'uri' in change) this.writes += 1;
    return result;
  }

  async put(): Promise<void> {
    const name = this.#name();
    const id = await this.#tell(
      { call: 'put', names: [name] },
      () => this.#memory.put({ text: textOf(name), title: name, uri: uriOf(name), tags: ['reliability'] }),
      (given) => [given],
    );
    this.#known.push({ id, uri: uriOf(name) });
  }

  async putMany(count: number): Promise<void> {
    // Half of the batches are never changed again: who reads them can tell a part from the whole.
    const isKept = this.#below(2) === 0;
    const batch = this.#name();
    const names = Array.from({ length: count }, (_, at) =>
      isKept ? keptName(batch, count, at) : `${batch}m${at}`,
    );
    const documents = names.map((name) => ({ title: name, text: textOf(name), uri: uriOf(name) }));
    const ids = await this.#tell(
      { call: 'putMany', names },
      () =>
        this.#below(2) === 0
          ? this.#memory.putMany(documents)
          : this.#memory.putMany(
              (async function* one() {
                yield* documents;
              })(),
            ),
      (given) => given,
    );
    if (isKept) return;
    names.forEach((name, at) => this.#known.push({ id: ids[at] ?? '', uri: uriOf(name) }));
  }

  async update(): Promise<void> {
    const document = this.#take();
    if (document === undefined) return;
    const name = this.#name();
    document.id = await this.#tell(
      { call: 'update', uri: document.uri, name },
      () => this.#memory.update(document.id, { text: textOf(name) }),
      (given) => [given],
    );
    this.#known.push(document);
  }

  async remove(): Promise<void> {
    const document = this.#take();
    if (document === undefined) return;
    await this.#tell({ call: 'remove', uris: [document.uri] }, () => this.#memory.remove(document.id));
  }

  async removeMany(): Promise<void> {
    const documents = Array.from({ length: 2 + this.#below(30) }, () => this.#take()).filter(
      (document) => document !== undefined,
    );
    if (documents.length === 0) return;
    const ids = documents.map(({ id }) => Number(id));
    await this.#tell({ call: 'removeMany', uris: documents.map(({ uri }) => uri) }, () =>
      this.#memory.removeMany({ where: { frame_id: { $in: ids } } }),
    );
  }

  async reembed(): Promise<void> {
    if (this.#model === undefined || this.#task.shared) return;
    const model: Model = this.#model === 'first' ? 'second' : 'first';
    await this.#tell({ call: 'reembed', model }, () =>
      this.#memory.reembed({ embedder: embedderOf(model), batchSize: 64 }),
    );
    // Documents that come next are to have vectors of the same model.
    await this.#memory.close();
    this.#model = model;
    this.#memory = await Writer.open(this.#task, model);
  }

  async reopen(): Promise<void> {
    const seal = this.#below(2) === 0;
    await this.#tell({ call: 'reopen' }, async () => {
      await this.#memory.close({ seal });
      this.#memory = await Writer.open(this.#task, this.#model);
    });
  }

  async seal(): Promise<void> {
    await this.#tell({ call: 'seal' }, () => this.#memory.seal());
  }

  close(): Promise<void> {
    return this.#memory.close();
  }

  /** Repairs and rewrites. */
  async maintain(): Promise<void> {
    const kinds: Record<string, () => Promise<unknown>> = {
      compact: () => this.#memory.compact(),
      purge: () => this.#memory.purge(),
      doctor: () => this.#memory.doctor({ quiet: true }),
      vacuum: () => this.#memory.doctor({ vacuum: true, quiet: true }),
    };
    const call = Object.keys(kinds)[this.#below(4)] as 'compact' | 'purge' | 'doctor' | 'vacuum';
    await this.#tell({ call }, async () => {
      await kinds[call]?.();
    });
  }

  /** One step, or several at once. */
  async step(): Promise<void> {
    const dice = this.#below(100);
    if (dice < 30) await this.put();
    else if (dice < 38) await Promise.all(Array.from({ length: 2 + this.#below(12) }, () => this.put()));
    else if (dice < 50) await this.putMany(2 + this.#below(40));
    else if (dice < 54) await this.putMany(400 + this.#below(1200));
    else if (dice < 70) await this.update();
    else if (dice < 80) await this.remove();
    else if (dice < 84) await this.removeMany();
    else if (dice < 88) await Promise.all([this.put(), this.update(), this.remove(), this.seal()]);
    else if (dice < 91) await this.seal();
    else if (dice < 94) await this.reopen();
    else if (dice < 97) await this.reembed();
    else await this.maintain();
  }
}

function say(line: Line): void {
  writeSync(1, `${JSON.stringify(line)}\n`);
}

const task = JSON.parse(process.argv[2] ?? '') as Task;
const writer = new Writer(task, await Writer.open(task, task.model));
writeSync(1, 'ready\n');
while (writer.writes < (task.most ?? Infinity)) await writer.step();
await writer.close();
