import { type LanguageModel, type MemvidError, ModelUnsupportedError, type TokenUsage } from '@memvid/core';
import type { generateText } from '@memvid/core/language-model';
import type { EnrichRejection } from '../cards.js';
import type { Engine, Looked, Outcome, Statement } from './engine.js';
import { checkedStatements, messagesFor, type Said, saidIn } from './statements.js';

/** Most characters of one request: what a small model reads, with room for its answer. */
const WINDOW = 6000;
/** A text this short that is still too much is given up. */
const SHORTEST = 500;
/** Requests at the same time. */
const LANES = 4;
/** How often a model is asked again that answered in another shape. */
const TRIES = 2;

/** What a language model says of texts, as far as it stands there. */
export function engineOfModel(
  model: LanguageModel,
  types: ReadonlySet<string> | undefined,
  generate: typeof generateText,
): Engine {
  const usage: { -readonly [K in keyof TokenUsage]: number } = {};
  const ask = async (text: string, signal: AbortSignal): Promise<Said> => {
    for (let tries = 1; ; tries += 1) {
      // Nothing else is said of how to answer: some models refuse to be told a temperature.
      const answer = await generate(model, { messages: messagesFor(text) }, { signal });
      for (const [name, count] of Object.entries(answer.usage ?? {}) as [
        keyof TokenUsage,
        number | undefined,
      ][]) {
        if (typeof count === 'number') usage[name] = (usage[name] ?? 0) + count;
      }
      const said = saidIn(answer.text);
      if (said !== undefined && answer.finishReason !== 'length') return said;
      if (answer.finishReason === 'length') {
        if (text.length < SHORTEST) throw unusable(model, 'an answer longer than it may be', 'length');
        const halves = windowsOf(text, Math.ceil(text.length / 2));
        const parts: Said[] = [];
        for (const half of halves) parts.push(await ask(half, signal));
        return joined(parts);
      }
      if (answer.finishReason === 'filtered') throw unusable(model, 'no answer: it was withheld', 'filtered');
      const shape = 'an answer that is not the JSON it was asked for';
      if (tries === TRIES) throw unusable(model, shape, 'malformed');
    }
  };
  let hasAnswered = false;
  const lookAt = async ({ id, text }: Looked, signal: AbortSignal): Promise<Outcome> => {
    const parts: Said[] = [];
    for (const window of windowsOf(text, WINDOW)) parts.push(await ask(window, signal));
    const { statements, rejected } = checkedStatements(id, text, joined(parts), types);
    return { id, statements: unique(statements), rejected: uniqueRejections(rejected) };
  };
  return {
    name: `${model.provider.toLowerCase()}:${model.model}`,
    piece: 16,
    batch: 64,
    get usage() {
      return Object.keys(usage).length === 0 ? undefined : { ...usage };
    },
    async look(documents, signal, done): Promise<void> {
      let failure: { readonly error: unknown } | undefined;
      const refused: Outcome[] = [];
      let next = 0;
      const lane = async (): Promise<void> => {
        while (failure === undefined) {
          const document = documents[next];
          next += 1;
          if (document === undefined) return;
          try {
            done(await lookAt(document, signal));
            hasAnswered = true;
          } catch (error) {
            if (signal.aborted || !isOfTheText(error)) failure ??= { error };
            else refused.push({ id: document.id, statements: [], rejected: [], error });
          }
        }
      };
      await Promise.all(Array.from({ length: LANES }, lane));
      if (failure !== undefined) throw failure.error;
      // Requests that are all refused are wrong in another way.
      if (!hasAnswered && refused.length > 1) throw refused[0]?.error;
      for (const outcome of refused) done(outcome);
    },
  };
}

function unusable({ provider, model }: LanguageModel, what: string, reason: string): MemvidError {
  return new ModelUnsupportedError(`${provider} ${model} gave ${what}`, {
    details: { operation: 'enrich', provider, model, reason, retryable: false },
  });
}

/** Whether another text may fare better: not when the service refuses the key, or is not there. */
function isOfTheText(error: unknown): error is MemvidError {
  const { reason, status } = (error as Partial<MemvidError>).details ?? {};
  return (
    ['length', 'filtered', 'malformed'].includes(String(reason)) || [400, 413, 422].includes(Number(status))
  );
}

function joined(parts: readonly Said[]): Said {
  return {
    entities: parts.flatMap(({ entities }) => entities),
    facts: parts.flatMap(({ facts }) => facts),
  };
}

/** A model says the same of several windows, or twice. */
function unique(statements: readonly Statement[]): Statement[] {
  const keyOf = ({ entity, slot, value }: Statement): string =>
    JSON.stringify([entity.toLowerCase(), slot, value]);
  return [...new Map(statements.toReversed().map((each) => [keyOf(each), each])).values()].toReversed();
}

function uniqueRejections(rejected: readonly EnrichRejection[]): EnrichRejection[] {
  return [...new Map(rejected.map((each) => [`${each.reason}:${each.statement}`, each])).values()];
}

/** Behind which a text is best cut, best first. */
const CUTS = ['\n\n', '\n', '. ', '。', ' '] as const;

/** A text in pieces of at most so many characters, cut between paragraphs, lines, sentences or words where there are any. */
export function windowsOf(text: string, most: number): string[] {
  const windows: string[] = [];
  let at = 0;
  while (text.length - at > most) {
    const end = at + cutOf(text.slice(at, at + most));
    windows.push(text.slice(at, end));
    at = end;
  }
  windows.push(text.slice(at));
  return windows.filter((window) => window.trim() !== '');
}

function cutOf(piece: string): number {
  for (const cut of CUTS) {
    const at = piece.lastIndexOf(cut);
    if (at >= piece.length / 2) return at + cut.length;
  }
  // Half a character is none.
  return piece.length > 1 && /[\uD800-\uDBFF]$/.test(piece) ? piece.length - 1 : piece.length;
}
