import { describe, expect, it } from 'vitest';
import { installModel, ner } from '../src/index.ts';
import { COMMIT, startHub } from '../../onnx/test/support/hub.ts';
import { lookUpModel, tokenizerJson } from '../../onnx/test/support/onnx-model.ts';
import { failure, scratch } from './support/models.ts';

describe('installModel', () => {
  it('fetches the files of a model from its repository, which can be used then', async () => {
    const hub = await startHub({
      'onnx/model.onnx': lookUpModel(
        Array.from({ length: 5 }, (_, id) => (id === 4 ? [0, 9] : [9, 0])),
        'logits',
      ),
      'tokenizer.json': Buffer.from(tokenizerJson(['ann'])),
      'config.json': Buffer.from('{"id2label":{"0":"O","1":"B-PER"}}'),
      'pytorch_model.bin': Buffer.from('not wanted'),
    });
    const directory = scratch();
    // The server of the test knows one repository.
    const asked: string[] = [];
    const fetching = (url: string | URL | Request, init?: RequestInit): Promise<Response> => {
      asked.push(String(url));
      return fetch(String(url).replace('dslim/distilbert-NER', 'owner/model'), init);
    };
    const options = { directory, baseUrl: hub.baseUrl, fetch: fetching as typeof fetch };
    expect((await installModel('distilbert-ner', options)).commit).toBe(COMMIT);
    expect(asked.slice(1).map((url) => url.replace(hub.baseUrl, ''))).toEqual(
      ['config.json', 'tokenizer.json', 'onnx/model.onnx'].map(
        (path) => `/dslim/distilbert-NER/resolve/${COMMIT}/${path}`,
      ),
    );
    const extractor = ner('distilbert-ner', { directory });
    expect((await extractor.extract(['Ann']))[0]).toMatchObject([{ name: 'Ann', type: 'PERSON' }]);
    await extractor.close();
  });

  it('refuses what cannot be fetched', async () => {
    for (const name of ['en-core-web-sm', 'my-model', '../x']) {
      expect(await failure(installModel(name, { directory: scratch() }))).toMatchObject({ code: 'MV019' });
    }
  });
});
