import type { AskStream } from '../ask.js';
import type { Entered } from '../embedding/in-flight.js';
import type { Handle } from '../handle.js';
import { type Pieces, PulledStream } from './ask-stream.js';
import { modelOfQuestion } from './language-models.js';
import { streamedAnswer } from './model-answer.js';
import { quoted, resultOf } from './result.js';
import { type Asked, retrievalOf } from './retrieval.js';
import { sourceOf } from './sources.js';

/** Searches, and makes the stream of the answer; without a model the quote is its one text. */
export async function streamOf(handle: Handle, asked: Asked): Promise<AskStream> {
  const { model: given, returnSources } = asked;
  const model = given === undefined ? undefined : await modelOfQuestion(handle, given, asked);
  const retrieval = await retrievalOf(handle, asked);
  const stop = new AbortController();
  let entered: Entered | undefined;
  // What is stored is read by now, but a memory that was closed meanwhile sends nothing any more.
  const enter = (): Entered => {
    if (entered === undefined) handle.assertOpen('askStream');
    return (entered ??= handle.streaming());
  };
  const pieces = async function* pieces(): Pieces {
    if (model !== undefined) {
      return resultOf(asked, retrieval, yield* streamedAnswer(enter, model, asked, retrieval, stop));
    }
    const result = resultOf(asked, retrieval, quoted(asked, retrieval));
    if (result.answer !== null) yield result.answer;
    return result;
  };
  const sources = retrieval.hits.map((hit, index) => sourceOf(hit, index, returnSources));
  const turn = {
    begin: () => {
      if (model !== undefined) enter();
    },
    end: () => entered?.leave(),
  };
  return new PulledStream(pieces(), stop, turn, {
    sources: retrieval.masked(sources),
    model: model === undefined ? undefined : `${model.provider}:${model.model}`,
  });
}
