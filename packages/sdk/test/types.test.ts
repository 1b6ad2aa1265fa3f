import { expectTypeOf, it } from 'vitest';
import {
  type EmbeddingFailedError,
  type Explanation,
  type FindResult,
  InvalidInputError,
  type Memvid,
  MemvidError,
  type PutInput,
  VecDimensionMismatchError,
} from '../src/index.ts';
import type * as compat from '../src/compat.ts';

/** What the compiler has to say; nothing here runs. */
declare const memory: Memvid;
declare const thrown: unknown;

it('classes of errors narrow their code and details', () => {
  const narrowed = (): void => {
    if (thrown instanceof VecDimensionMismatchError) {
      expectTypeOf(thrown.code).toEqualTypeOf<'MV014'>();
      expectTypeOf(thrown.details?.expected).toEqualTypeOf<number | undefined>();
      expectTypeOf(thrown.details?.index).toEqualTypeOf<number | undefined>();
    }
    if (thrown instanceof InvalidInputError) {
      expectTypeOf(thrown.code).toEqualTypeOf<'MV019'>();
      expectTypeOf(thrown.details?.argument).toEqualTypeOf<string | undefined>();
    }
    if (thrown instanceof MemvidError) expectTypeOf(thrown.details?.['anything']).toEqualTypeOf<unknown>();
  };
  expectTypeOf(narrowed).toBeFunction();
  expectTypeOf<EmbeddingFailedError>().toExtend<MemvidError>();
  expectTypeOf<NonNullable<EmbeddingFailedError['details']>['failed_inputs']>().toEqualTypeOf<
    number[] | undefined
  >();
});

it('put takes a text or a file, and not neither or both', () => {
  expectTypeOf<{ title: string; text: string }>().toExtend<PutInput>();
  expectTypeOf<{ file: string; tags: string[] }>().toExtend<PutInput>();
  expectTypeOf<{ title: string }>().not.toExtend<PutInput>();
  expectTypeOf<{ text: string; file: string }>().not.toExtend<PutInput>();
  expectTypeOf<{ image: Uint8Array; searchText: string }>().toExtend<PutInput>();
  expectTypeOf<{ image: string; text: string }>().not.toExtend<PutInput>();
  expectTypeOf<({ title: string; image: string } | { title: string; text: string })[]>().toExtend<
    Parameters<typeof memory.putMany>[0]
  >();
  expectTypeOf<{ image: string }>().toExtend<Parameters<typeof memory.find>[0]>();
});

it('vectors of 64 bits and metadata of an interface are taken', () => {
  interface Author {
    name: string;
    born?: number;
  }
  expectTypeOf<{ text: string; embedding: Float64Array; metadata: Author }>().toExtend<PutInput>();
  expectTypeOf<Float64Array>().toExtend<Parameters<typeof memory.vecSearch>[1]>();
  expectTypeOf<{ title: string; text: string; embedding: Float64Array }[]>().toExtend<
    Parameters<typeof memory.putMany>[0]
  >();
});

it('a search says by what it went, and what its scores are made of', () => {
  expectTypeOf<FindResult['engine']>().toEqualTypeOf<'tantivy' | 'vec' | 'hybrid' | 'clip'>();
  const similarity = (explain: Explanation): number | undefined => {
    if ('fusion' in explain) return explain.semantic?.parts.similarity;
    return 'similarity' in explain ? explain.similarity : explain.terms[0]?.score;
  };
  expectTypeOf(similarity).returns.toEqualTypeOf<number | undefined>();
});

it('the classes of the reference take the address under both names', () => {
  expectTypeOf<{ apiKey: string; baseURL: string; maxRetries: number }>().toExtend<
    NonNullable<ConstructorParameters<typeof compat.OpenAIEmbeddings>[0]>
  >();
});
