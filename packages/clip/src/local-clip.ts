import {
  checkArray,
  checkOptional,
  checkString,
  FileNotFoundError,
  fromSystemError,
  UnsupportedOperationError,
} from '@memvid/core';
import { readFile } from 'node:fs/promises';
import { ClipModel } from './clip-model.js';
import type { ClipOptions } from './options.js';

/** A provider of vectors for pictures and texts with the members of the reference's classes. */
export interface ClipProvider {
  readonly name: string;
  readonly dimension: number;
  embedImage(path: string): Promise<number[]>;
  embedText(text: string): Promise<number[]>;
  embedImages(paths: string[]): Promise<number[][]>;
}

export interface LocalClipConfig extends ClipOptions {
  /** Default: `mobileclip-s2`. */
  readonly model?: string | undefined;
}

/** A picture model on this machine with the members of the reference's provider classes; `@memvid/sdk/compat` loads it. */
export class LocalClip implements ClipProvider {
  readonly name: string;
  readonly dimension: number;
  readonly #model: ClipModel;

  constructor(config: LocalClipConfig = {}) {
    const { model, ...options } = config ?? {};
    this.#model = new ClipModel(checkOptional('model', model, checkString), options);
    this.name = `${this.#model.provider}:${this.#model.model}`;
    // A model of another name and size gives vectors of its own length.
    this.dimension = this.#model.dimensions ?? 512;
  }

  async embedImage(path: string): Promise<number[]> {
    const [vector = []] = await this.embedImages([path]);
    return vector;
  }

  async embedText(text: string): Promise<number[]> {
    const { vectors } = await this.#model.embedTexts([checkString('text', text)]);
    return Array.from(vectors[0] ?? []);
  }

  async embedImages(paths: string[]): Promise<number[][]> {
    const names = checkArray('paths', paths).map((path, index) =>
      checkString(`paths[${index}]`, path, { notBlank: true }),
    );
    const vectors: number[][] = [];
    for (let start = 0; start < names.length; start += this.#model.maxBatch) {
      const part = names.slice(start, start + this.#model.maxBatch);
      const images = await Promise.all(part.map(async (path) => ({ data: await bytesOf(path) })));
      const result = await this.#model.embedImages(images);
      vectors.push(...result.vectors.map((vector) => Array.from(vector)));
    }
    return vectors;
  }

  /** Waits for calls that run and frees the model. The next call loads it again. */
  close(): Promise<void> {
    return this.#model.close();
  }
}

async function bytesOf(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    const failure = fromSystemError(error, path);
    if (!(failure instanceof FileNotFoundError)) throw failure ?? error;
    throw new FileNotFoundError(`There is no file ${path}`, {
      details: { path, reason: 'input' },
      cause: error,
    });
  }
}

/**
 * A provider by its name. Only `local` exists: the services that the reference names here describe pictures in words, and
 * have no vectors of pictures.
 */
export function getClipProvider(name: string, config?: LocalClipConfig): ClipProvider {
  const wanted = checkString('name', name, { notBlank: true });
  if (wanted.trim().toLowerCase() === 'local') return new LocalClip(config);
  throw new UnsupportedOperationError(`There is no picture provider "${wanted}" (there is: local)`, {
    details: { operation: 'getClipProvider', provider: wanted },
    suggestion: 'Pass "local".',
  });
}
