import { invalidInput } from '@memvid/core';

/** Facts about a model, as its authors give them. */
export interface ClipModelFacts {
  /** What users write, what is stored with vectors, and the model's folder among the models. */
  readonly name: string;
  /** Other names of it. */
  readonly aliases: readonly string[];
  /** Where its networks are published: `owner/name`. */
  readonly repository: string;
  readonly dimensions: number;
}

/** The models this package knows by name. */
export const CLIP_MODELS: readonly ClipModelFacts[] = [
  {
    name: 'mobileclip-s2',
    aliases: ['Xenova/mobileclip_s2'],
    repository: 'Xenova/mobileclip_s2',
    dimensions: 512,
  },
  {
    name: 'clip-vit-base-patch32',
    aliases: ['clip-vit-b32', 'openai/clip-vit-base-patch32', 'Xenova/clip-vit-base-patch32'],
    repository: 'Xenova/clip-vit-base-patch32',
    dimensions: 512,
  },
];

/** Behind the name of a model whose networks have 8-bit weights: its vectors are another space. */
export const INT8_SUFFIX = '-int8';

/** A name, taken apart. */
export interface NamedModel {
  readonly facts: ClipModelFacts;
  readonly quantised: boolean;
}

/** The model of a name, in any case; with `-int8` behind it the one with 8-bit weights. */
export function modelOfName(name: unknown): NamedModel {
  const model = knownModel(name);
  if (model !== undefined) return model;
  const known = CLIP_MODELS.map((facts) => `"${facts.name}"`).join(', ');
  const expected = `the name of a picture model (${known}), or any name together with the option \`folder\``;
  throw invalidInput('model', name, expected);
}

/** The same; a name that is not known here is that of a model whose folder is given, of which nothing else is known. */
export function modelInFolder(name: unknown): NamedModel | { facts: { name: string }; quantised: boolean } {
  const known = knownModel(name);
  if (known !== undefined) return known;
  const own = typeof name === 'string' ? name.trim() : '';
  if (!/^[\w./-]{1,100}$/.test(own)) {
    throw invalidInput('model', name, 'a name of letters, digits and ._-/, at most 100 of them');
  }
  const { plain, quantised } = parted(own);
  return { facts: { name: plain }, quantised };
}

function knownModel(name: unknown): NamedModel | undefined {
  const { plain, quantised } = parted(typeof name === 'string' ? name.trim().toLowerCase() : '');
  const facts = CLIP_MODELS.find((model) =>
    [model.name, ...model.aliases].some((own) => own.toLowerCase() === plain),
  );
  return facts && { facts, quantised };
}

function parted(name: string): { plain: string; quantised: boolean } {
  const quantised = name.endsWith(INT8_SUFFIX);
  return { plain: quantised ? name.slice(0, -INT8_SUFFIX.length) : name, quantised };
}
