import { invalidInput } from '@memvid/core';

/** A model and how it is called. */
export interface NamedModel {
  /** What users write, and the folder of the model among the models. */
  readonly name: string;
  /** It comes in a package of its own. */
  readonly bundled: boolean;
  /** What it can find, where that is known without its files. */
  readonly entityTypes: readonly string[] | undefined;
  /** `owner/name` on the hub, where `installModel` fetches it. */
  readonly repository: string | undefined;
}

/** The English model that comes along. */
export const ENGLISH: NamedModel = {
  name: 'en-core-web-sm',
  bundled: true,
  entityTypes: ['PERSON', 'ORG', 'LOCATION', 'DATE', 'MONEY', 'OTHER'],
  repository: undefined,
};

/** The model that the reference SDK has, which is more exact and has to be fetched. */
export const DISTILBERT: NamedModel = {
  name: 'distilbert-ner',
  bundled: false,
  entityTypes: ['PERSON', 'ORG', 'LOCATION', 'MISC'],
  repository: 'dslim/distilbert-NER',
};

const ALIASES: Readonly<Record<string, NamedModel>> = {
  en: ENGLISH,
  'en-core-web-sm': ENGLISH,
  en_core_web_sm: ENGLISH,
  'distilbert-ner': DISTILBERT,
  'dslim/distilbert-ner': DISTILBERT,
};

/** The model of a name, in any case. A name that is not known is that of a folder among the models. */
export function modelOfName(name: unknown): NamedModel {
  const wanted = typeof name === 'string' ? name.trim().replace(/^local:/i, '') : '';
  const lower = wanted.toLowerCase();
  if (Object.hasOwn(ALIASES, lower)) return ALIASES[lower] ?? ENGLISH;
  // A folder beside others, and no path.
  if (!/^[\w-][\w.-]*$/.test(wanted)) {
    throw invalidInput(
      'model',
      name,
      `"${ENGLISH.name}", "${DISTILBERT.name}" or the name of a folder among the models`,
    );
  }
  return { name: wanted, bundled: false, entityTypes: undefined, repository: undefined };
}
