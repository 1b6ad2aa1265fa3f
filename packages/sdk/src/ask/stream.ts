import type { AskStream } from '../ask.js';
import type { Handle } from '../handle.js';
import { type Pieces, PulledStream } from './ask-stream.js';
import { languageModelOf } from './language-models.js';
import { streamedAnswer } from './model-answer.js';
import { quoted, resultOf } from './result.js';
import { type Asked, retrievalOf } from './retrieval.js';
import { sourceOf } from './sources.js';

/** Searches, and makes the stream of the answer; without a model the quote is its one text. */
export async function streamOf(handle: Handle, asked: Asked): Promise<AskStream> {
  const { model: given, modelApiKey, returnSources } = asked;
  const model = given === undefined ? undefined : await languageModelOf(handle, given, modelApiKey);
  const retrieval = await retrievalOf(handle, asked);
  const stop = new AbortController();
  const pieces = async function* pieces(): Pieces {
    if (model !== undefined) {
      return resultOf(asked, retrieval, yield* streamedAnswer(handle, model, asked, retrieval, stop));
    }
    const result = resultOf(asked, retrieval, quoted(asked, retrieval));
    if (result.answer !== null) yield result.answer;
    return result;
  };
  const sources = retrieval.hits.map((hit, index) => sourceOf(hit, index, returnSources));
  return new PulledStream(pieces(), stop, {
    sources: retrieval.masked(sources),
    model: model === undefined ? undefined : `${model.provider}:${model.model}`,
  });
}
