import {
  invalidInput,
  type MemvidError,
  type NativeMemory,
  reportProgress,
  toMemvidError,
  UnsupportedOperationError,
} from '@memvid/core';
import type { signalOf } from '../batch-options.js';
import type {
  EnrichFailure,
  EnrichOptions,
  EnrichProgress,
  EnrichRejection,
  EnrichResult,
  statsOf,
  MemoryCard,
  MemoryCardInput,
} from '../cards.js';
import { reading } from '../border.js';
import {
  optionalBoolean,
  optionalFilledString,
  optionalFunction,
  optionalNumber,
  optionalStrings,
  type Options,
  optionsOf,
  refuseOptions,
} from '../check.js';
import { aborted } from '../failures.js';
import type { Handle } from '../handle.js';
import type { StatsResult } from '../stats.js';
import type { Where, whereOf } from '../where.js';
import { type ChoiceOptions, chosen, type Given, isEngine } from './choose.js';
import { type Engine, type Looked, type Outcome, rejection, type Statement } from './engine.js';
import { outside, rangesOf } from './ranges.js';

/** Handed in and not imported: see `WritingSteps`. */
export interface EnrichSteps {
  readonly signalOf: typeof signalOf;
  readonly whereOf: typeof whereOf;
  /** What the rules make of the documents. */
  readonly byRules: (
    handle: Handle,
    force: boolean,
    signal: AbortSignal | undefined,
  ) => Promise<EnrichResult>;
  readonly statsOf: typeof statsOf;
  readonly languageModels: ChoiceOptions['languageModels'];
  /** Whom the cards are about that say what was looked at. */
  readonly ledger: string;
}

/** Most of what was left out that is told one by one. */
const MOST_TOLD = 100;
/** What is made waits no longer than this to be written, in milliseconds. */
const PATIENCE = 30_000;
/** How often documents may go while the cards of others are written. */
const ATTEMPTS = 5;
const VERSION = '1.0.0';
const UNUSED_BY_RULES = {
  where: 'the rules look at all documents',
  minConfidence: 'the rules know no degrees',
  entityTypes: 'the rules find statements',
  engineVersion: 'the rules have one',
  modelApiKey: 'the rules ask nobody',
  onProgress: 'the rules are done in one step',
};

/** Makes memory cards of the documents with an engine that is not there at once. */
export async function enrichWith(
  handle: Handle,
  given: unknown,
  force: unknown,
  steps: EnrichSteps,
): Promise<EnrichResult> {
  const options: Options = reading('engine', () => isEngine(given))
    ? { engine: given }
    : optionsOf(given, 'engine');
  const isForced =
    optionalBoolean(options['force'], 'force', undefined) ?? optionalBoolean(force, 'force', false);
  const engineVersion = optionalFilledString(options['engineVersion'], 'engineVersion');
  const minConfidence = optionalNumber(options['minConfidence'], 'minConfidence', { min: 0, max: 1 });
  const types = optionalStrings(options['entityTypes'], 'entityTypes');
  const onProgress: EnrichOptions['onProgress'] = optionalFunction(options['onProgress'], 'onProgress');
  const where = steps.whereOf(options['where'], 'where');
  const apiKey = optionalFilledString(options['modelApiKey'], 'modelApiKey');
  const signal = steps.signalOf(options['signal']);
  const wanted: unknown = options['engine'] ?? 'rules';
  if (typeof wanted !== 'string' && (typeof wanted !== 'object' || wanted === null)) {
    throw invalidInput('engine', wanted, '"rules", an EntityExtractor, a LanguageModel, or the name of one');
  }
  if (wanted === 'rules') {
    refuseOptions(options, '', UNUSED_BY_RULES);
    if (signal?.aborted === true) throw aborted('enrich', signal);
    return steps.byRules(handle, isForced, signal);
  }
  const choice = {
    minConfidence,
    types: types === undefined ? undefined : new Set(types.map((type) => type.toUpperCase())),
    apiKey,
    languageModels: steps.languageModels,
  };
  // What makes an engine may hang, and must not hold the memory with it.
  const engine = await handle.embedding('enrich', 'write', signal, (own) =>
    chosen(handle, wanted as Given, { ...choice, signal: own }),
  );
  const settings = { engine, version: engineVersion ?? VERSION, isForced, where, onProgress, signal };
  return new Run(handle, settings, steps).result();
}

type MadeCard = Statement & MemoryCardInput & { readonly sourceFrameId: number };

interface Settings extends Pick<EnrichOptions, 'onProgress' | 'signal'> {
  readonly engine: Engine;
  readonly version: string;
  readonly isForced: boolean;
  readonly where: Where | undefined;
}

/**
 * One call. Documents are looked at piece by piece; the cards of many are written together, in one commit with the note that
 * these were looked at, so that neither is ever there without the other. What is made when it ends is written, too.
 */
class Run {
  readonly #handle: Handle;
  readonly #settings: Settings;
  readonly #statsOf: EnrichSteps['statsOf'];
  readonly #ledger: string;
  readonly #slot: string;
  readonly #made: Outcome[] = [];
  /** Statements that are in the file; looked at only where there can be any. */
  #known: Set<string> | undefined;
  /** The commit behind which a forced run read them. */
  #generation: number | undefined;
  /** Statements that the engine would not have. */
  readonly #refused = new Set<string>();
  #written = performance.now();
  readonly #failed: EnrichFailure[] = [];
  readonly #rejected: EnrichRejection[] = [];
  #rejectedCount = 0;
  #isOver = false;
  #looked = 0;
  #extracted = 0;
  #newCards = 0;
  #total = 0;

  constructor(handle: Handle, settings: Settings, steps: EnrichSteps) {
    this.#handle = handle;
    this.#settings = settings;
    this.#statsOf = steps.statsOf;
    this.#ledger = steps.ledger;
    this.#slot = `${settings.engine.name}@${settings.version}`;
  }

  async result(): Promise<EnrichResult> {
    const { engine, version } = this.#settings;
    const todo = await this.#handle.read('enrich', (native) => this.#todo(native));
    this.#total = todo.length;
    try {
      for (let at = 0; at < todo.length; at += engine.piece) {
        await this.#look(todo.slice(at, at + engine.piece));
        await this.#report();
      }
    } catch (error) {
      this.#isOver = true;
      // What ended it is to be told, whatever becomes of this.
      await this.#write().catch(() => undefined);
      throw error;
    }
    await this.#write();
    // Of a call that came before `close`: what it asks for now is no call of its own.
    const stats = await this.#handle.read('enrich', this.#statsOf);
    const { usage } = engine;
    return {
      engine: engine.name,
      version,
      framesProcessed: this.#looked - this.#failed.length,
      cardsExtracted: this.#extracted,
      newCards: this.#newCards,
      totalCards: stats.cardCount,
      totalEntities: stats.entityCount,
      failed: this.#failed,
      rejected: this.#rejected,
      rejectedCount: this.#rejectedCount,
      ...(usage === undefined ? {} : { usage }),
    };
  }

  /** The documents to be looked at. */
  async #todo(native: NativeMemory): Promise<number[]> {
    const { where, isForced, engine } = this.#settings;
    const ids = selected(native, where);
    const ledger = await cardsOf(native, { entity: this.#ledger });
    const isOurs = ({ slot }: MemoryCard): boolean => slot.startsWith(`${engine.name}@`);
    // A forced run looks what is there when it writes.
    if (isForced) return ids;
    // An earlier version may have said the same.
    if (ledger.some((card) => isOurs(card) && card.slot !== this.#slot)) await this.#readKnown(native);
    return outside(ids, this.#doneIn(ledger));
  }

  async #readKnown(native: NativeMemory): Promise<void> {
    const cards = await cardsOf(native, {});
    const own = cards.filter(
      ({ engine, entity }) => engine === this.#settings.engine.name && entity !== this.#ledger,
    );
    this.#known = new Set(own.map((card) => keyOf(card.sourceFrameId, card)));
  }

  /** Which frames this engine looked at. */
  #doneIn(ledger: readonly MemoryCard[]): string[] {
    return ledger.filter(({ slot }) => slot === this.#slot).map(({ value }) => value);
  }

  async #look(ids: readonly number[]): Promise<void> {
    const { engine, signal } = this.#settings;
    this.#refuseAborted();
    // A read may be done twice.
    const texts = await this.#handle.read('enrich', (native) => ids.map((id) => textOf(native, id)));
    const documents: Looked[] = [];
    texts.forEach((text, index) => {
      const id = ids[index] ?? -1;
      if (typeof text !== 'string') this.#pass(id, text);
      else if (text.trim() === '') this.#take({ id, statements: [], rejected: [] });
      else documents.push({ id, text });
    });
    if (documents.length > 0) {
      try {
        await this.#handle.embedding('enrich', 'write', signal, (own) =>
          engine.look(documents, own, (outcome) => this.#take(outcome)),
        );
      } catch (error) {
        this.#refuseAborted();
        throw error;
      }
    }
    const isLate = performance.now() - this.#written > PATIENCE;
    if (isLate || this.#made.length >= engine.batch) await this.#write();
  }

  /** A document that went meanwhile, or cannot be read. */
  #pass(id: number, error: MemvidError): void {
    if (error.code === 'MV010') this.#total -= 1;
    else this.#take({ id, statements: [], rejected: [], error });
  }

  #take(outcome: Outcome): void {
    // What an engine tells that was not waited for to its end comes too late.
    if (this.#isOver) return;
    this.#looked += 1;
    this.#reject(outcome.rejected);
    if (outcome.error === undefined) this.#made.push(outcome);
    else this.#failed.push({ frameId: outcome.id, error: outcome.error });
  }

  #reject(rejected: readonly EnrichRejection[]): void {
    this.#rejectedCount += rejected.length;
    this.#rejected.push(...rejected.slice(0, MOST_TOLD - this.#rejected.length));
  }

  /** Writes what is made, with the note that it is. */
  async #write(): Promise<void> {
    const made = this.#made.splice(0);
    this.#written = performance.now();
    if (made.length === 0) return;
    await this.#handle.write('enrich', async (native) => {
      for (let attempt = 1; ; attempt += 1) {
        try {
          await this.#add(native, made);
          return;
        } catch (error) {
          // Another process removed a document since it was looked at.
          if (toMemvidError(error).code !== 'MV010' || attempt === ATTEMPTS) throw error;
          native.refresh();
        }
      }
    });
  }

  async #add(native: NativeMemory, made: readonly Outcome[]): Promise<void> {
    const { engine, version, isForced } = this.#settings;
    const active = new Set(selected(native, undefined));
    const ledger = await cardsOf(native, { entity: this.#ledger, slot: this.#slot });
    const found = made.filter(({ id }) => active.has(id));
    const news = outside(
      found.map(({ id }) => id),
      this.#doneIn(ledger),
    );
    // Another process may have looked at the same ones.
    const isNew = new Set(news);
    const outcomes = isForced ? found : found.filter(({ id }) => isNew.has(id));
    // Another forced run of this engine may have written the same; no need to look when only this one wrote.
    const before = isForced ? generationOf(native) : 0;
    if (isForced && before !== this.#generation) await this.#readKnown(native);
    const cards = outcomes.toSorted((a, b) => a.id - b.id).flatMap((outcome) => this.#cardsOf(outcome));
    const note: MemoryCardInput = {
      entity: this.#ledger,
      slot: this.#slot,
      value: rangesOf(news),
      kind: 'other',
      engine: engine.name,
      engineVersion: version,
    };
    await this.#store(native, cards, news.length === 0 ? [] : [note]);
    if (isForced) {
      const after = generationOf(native);
      this.#generation = after <= before + 1 ? after : undefined;
    }
    for (const { id, statements } of outcomes) {
      this.#extracted += statements.filter((statement) => !this.#refused.has(keyOf(id, statement))).length;
    }
    this.#newCards += cards.length;
    for (const card of cards) this.#known?.add(keyOf(card.sourceFrameId, card));
  }

  /** Adds cards. One that the engine refuses is left out and told: the others, and their documents, are not to go with it. */
  async #store(native: NativeMemory, cards: MadeCard[], notes: readonly MemoryCardInput[]): Promise<void> {
    while (cards.length + notes.length > 0) {
      try {
        await native.addMemoryCards(JSON.stringify([...cards, ...notes]));
        return;
      } catch (error) {
        const [refused] = cards.splice(refusedIn(error) ?? cards.length, 1);
        if (refused === undefined) throw error;
        const { sourceFrameId: id, entity, slot, value } = refused;
        this.#refused.add(keyOf(id, refused));
        this.#reject([rejection(id, 'malformed', { entity, slot, value })]);
      }
    }
  }

  #cardsOf({ id: sourceFrameId, statements }: Outcome): MadeCard[] {
    const { engine, version: engineVersion } = this.#settings;
    const about = { sourceFrameId, engine: engine.name, engineVersion };
    return statements
      .filter((statement) => {
        const key = keyOf(sourceFrameId, statement);
        return this.#known?.has(key) !== true && !this.#refused.has(key);
      })
      .map((statement) => Object.assign({}, statement, about));
  }

  async #report(): Promise<void> {
    const progress: EnrichProgress = {
      processed: this.#looked,
      total: this.#total,
      newCards: this.#newCards,
      failed: this.#failed.length,
      rejected: this.#rejectedCount,
    };
    const failure = await reportProgress(this.#settings.onProgress, progress);
    if (failure !== undefined) throw failure;
  }

  #refuseAborted(): void {
    const { signal } = this.#settings;
    if (signal?.aborted !== true) return;
    const [looked, total] = [this.#looked, this.#total];
    throw new UnsupportedOperationError(
      `enrich was ended by its signal when ${looked} of ${total} documents were looked at`,
      {
        details: { operation: 'enrich', reason: 'aborted', processed: looked, total },
        suggestion: 'Call `enrich` again with the same engine: it goes on with the others.',
        cause: signal.reason,
      },
    );
  }
}

/** The text of a document, blank where there is nothing to be read; or why there is none. */
function textOf(native: NativeMemory, id: number): string | MemvidError {
  try {
    const { track } = JSON.parse(native.frame(id)) as { track?: string | null };
    // Rows of tables are data, and no sentences.
    return track === 'tables' ? '' : native.text(id);
  } catch (thrown) {
    const error = toMemvidError(thrown);
    const isOfFile = error.details?.['section'] === 'file';
    if (error.code === 'MV010' || (error.code === 'MV012' && !isOfFile)) return error;
    throw error;
  }
}

/** The place of the card that the engine refused, of those it was given. */
function refusedIn(error: unknown): number | undefined {
  const { code, details } = toMemvidError(error);
  const [, at] = /^cards\[(\d+)\]/.exec(code === 'MV019' ? String(details?.['argument']) : '') ?? [];
  return at === undefined ? undefined : Number(at);
}

function generationOf(native: NativeMemory): number {
  return (JSON.parse(native.stats()) as StatsResult).generation;
}

function selected(native: NativeMemory, where: Where | undefined): number[] {
  return JSON.parse(native.selectWhere(JSON.stringify({ where }))) as number[];
}

async function cardsOf(
  native: NativeMemory,
  about: { entity?: string; slot?: string },
): Promise<MemoryCard[]> {
  const { cards } = JSON.parse(await native.cards(JSON.stringify({ call: 'memories', ...about }))) as {
    cards: MemoryCard[];
  };
  return cards;
}

function keyOf(
  frame: number | null,
  { entity, slot, value }: { readonly entity: string; readonly slot: string; readonly value: string },
): string {
  return JSON.stringify([frame, entity.toLowerCase(), slot.toLowerCase(), value]);
}
