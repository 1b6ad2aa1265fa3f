import {
  checkInteger,
  ClipDisabledError,
  type Factory,
  type ImageEmbedder,
  invalidInput,
  MemvidError,
  type Plugin,
  toMemvidError,
} from '@memvid/core';
import { reading } from './border.js';
import { embeddingFailed } from './failures.js';
import type { Handle } from './handle.js';
import { imageEmbedderInput } from './image.js';
import { MadeOnce } from './made-once.js';

const DEFAULT_MODEL = 'mobileclip-s2';
export const PACKAGE = '@memvid/clip';

const made = /* @__PURE__ */ new MadeOnce<ImageEmbedder>();

/** Who makes the vectors: as the call says, else the memory, else the model of those that are `stored`. */
export async function embedderFor(
  handle: Handle,
  given: unknown,
  stored: string | null,
): Promise<ImageEmbedder> {
  const wanted =
    imageEmbedderInput(given, 'imageEmbedder') ?? handle.settings.imageEmbedder ?? stored ?? DEFAULT_MODEL;
  const embedder =
    typeof wanted === 'string' ? await embedderNamed(handle, wanted) : checked(wanted, 'imageEmbedder');
  if (stored === null || stored === embedder.model) return embedder;
  throw embeddingFailed(
    `The pictures of this memory are embedded with ${stored}, and not with ${embedder.model}`,
    { reason: 'other_model', model: embedder.model, expected: stored },
    {
      suggestion: `Pass \`imageEmbedder: '${stored}'\`. Pictures of another model go into a memory of their own.`,
    },
  );
}

async function embedderNamed({ embedders }: Handle, name: string): Promise<ImageEmbedder> {
  const factory = await embedders.search((plugins) => factoryOf(plugins, name.trim().toLowerCase()));
  if (factory === undefined) throw missing(name, namesOf(embedders.plugins));
  return made.of(embedders, factory, undefined, () => make(factory, name));
}

async function make(factory: Factory<ImageEmbedder>, name: string): Promise<ImageEmbedder> {
  try {
    return checked(await factory(), `imageEmbedders["${name}"]()`);
  } catch (error) {
    if (MemvidError.isMemvidError(error)) throw error;
    throw new ClipDisabledError(
      `The image embedder "${name}" could not be made: ${toMemvidError(error).message}`,
      { details: { model: name, cause: 'provider' }, cause: error },
    );
  }
}

/** By its name, or by `provider:model` where the plugin leaves the provider out. */
function factoryOf(plugins: readonly Plugin[], key: string): Factory<ImageEmbedder> | undefined {
  const names = [key, key.replace(/^local:/, '')];
  for (const name of names) {
    for (const { imageEmbedders } of plugins) {
      for (const [own, factory] of Object.entries(imageEmbedders ?? {})) {
        if (own.toLowerCase() === name) return factory;
      }
    }
  }
  return undefined;
}

function namesOf(plugins: readonly Plugin[]): string[] {
  return plugins.flatMap(({ imageEmbedders }) => Object.keys(imageEmbedders ?? {}));
}

/** MV016 for a name that no plugin has. */
function missing(name: string, names: readonly string[]): ClipDisabledError {
  const isInstalled = names.length > 0;
  const registered = isInstalled ? names.join(', ') : 'none';
  return new ClipDisabledError(
    `There is no image embedder "${name}": no plugin that was passed in has one (registered: ${registered})`,
    {
      details: { model: name, ...(isInstalled ? {} : { package: PACKAGE }), cause: 'plugin_missing' },
      suggestion: isInstalled
        ? 'Pass an ImageEmbedder object as `imageEmbedder`, or one of the registered names.'
        : `Install it: npm install ${PACKAGE}. Then pass it: import { clipPlugin } from '${PACKAGE}', and open(path, { plugins: [clipPlugin()] }). Its model is fetched once: await installModel('${name}').`,
    },
  );
}

/** An image embedder with everything that is asked of one. */
function checked(value: unknown, argument: string): ImageEmbedder {
  return reading(argument, () => {
    const embedder = value as ImageEmbedder;
    if (typeof value !== 'object' || value === null || embedder.spec !== 'image-embedder/v1') {
      throw invalidInput(argument, value, 'an ImageEmbedder with spec "image-embedder/v1"');
    }
    for (const name of ['provider', 'model'] as const) {
      const text: unknown = embedder[name];
      if (typeof text !== 'string' || text.trim() === '') {
        throw invalidInput(`${argument}.${name}`, text, 'a string that is not blank');
      }
    }
    for (const name of ['embedImages', 'embedTexts'] as const) {
      if (typeof embedder[name] !== 'function') {
        throw invalidInput(`${argument}.${name}`, embedder[name], 'a function');
      }
    }
    checkInteger(`${argument}.maxBatch`, embedder.maxBatch, { min: 1 });
    return embedder;
  });
}
