import { InvalidInputError } from '../errors.js';
import type { ServiceOptions } from './service-embedder.js';

/** What the reference's classes of services have in common, beside the options of ours. */
export interface ReferenceConfig extends ServiceOptions {
  model?: string | undefined;
  /** The same as `maxBatch`. */
  batchSize?: number | undefined;
  /** Numbers in a vector; the same as `dimensions`. */
  dimension?: number | undefined;
}

/** Names of the reference for options of ours. */
const SAME: Readonly<Record<string, string>> = {
  baseUrl: 'baseURL',
  batchSize: 'maxBatch',
  dimension: 'dimensions',
  maxTokensPerInput: 'maxTokens',
};
const COMMON = [
  'apiKey',
  'baseURL',
  'headers',
  'fetch',
  'dimensions',
  'maxBatch',
  'concurrency',
  'timeoutMs',
  'maxRetries',
];

/**
 * The options of a class of the reference's name as those of a service, under the names of either; `own` are those of
 * this service. Others are MV019: passed over, a misspelt address would send every text to the usual one.
 */
export function referenceOptions<T extends ReferenceConfig, Own extends keyof T & string>(
  config: T,
  own: readonly Own[],
): { model: string | undefined; options: ServiceOptions & Pick<T, Own> } {
  const known = new Set<string>([...COMMON, ...own]);
  const options: Record<string, unknown> = {};
  let model: string | undefined;
  for (const [name, value] of Object.entries(config ?? {})) {
    if (value === undefined || value === null) continue;
    if (name === 'model') {
      model = value as string;
      continue;
    }
    const meant = known.has(name) || !Object.hasOwn(SAME, name) ? name : (SAME[name] ?? name);
    if (!known.has(meant)) throw unknownOption(name, ['model', ...known]);
    // Where both names are given, ours counts.
    if (meant === name || options[meant] === undefined) options[meant] = value;
  }
  return { model, options: options as ServiceOptions & Pick<T, Own> };
}

function unknownOption(name: string, known: readonly string[]): InvalidInputError {
  const expected = `one of ${known.join(', ')}`;
  return new InvalidInputError(`There is no option \`${name}\` (known: ${known.join(', ')})`, {
    details: { argument: `config.${name}`, received: name, expected },
    suggestion: `Leave \`${name}\` out, or write ${expected}.`,
  });
}
