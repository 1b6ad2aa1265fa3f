import { postJson, requestFailed, requireKey, requireNetwork, vectorsByIndex } from '@memvid/core/plugin';

const VARIABLE = 'ACME_API_KEY';

/** Embeds text with Acme's models. */
export function acme(model = 'acme-small', options = {}) {
  const call = { provider: 'acme', model };
  return {
    spec: 'embedder/v1',
    ...call,
    dimensions: options.dimensions,
    maxBatch: 32,
    timeoutMs: options.timeoutMs ?? 30_000,
    async embed(texts, { kind, signal }) {
      requireNetwork(call);
      const key = requireKey(call, options.apiKey, [VARIABLE]);
      try {
        const { data } = await postJson({
          url: `${options.baseURL ?? 'https://api.acme.example'}/v1/embed`,
          headers: { authorization: `Bearer ${key}` },
          body: { model, input: texts, purpose: kind },
          fetch: options.fetch,
          signal,
        });
        return { vectors: vectorsByIndex(data, call) };
      } catch (error) {
        throw requestFailed(error, { ...call, secrets: [key], variable: VARIABLE });
      }
    },
  };
}

/** `acme-small` and `acme-large`; `acme` makes any, as the option `model` says. */
export function acmePlugin(defaults = {}) {
  const named = (usual) => (options) => acme(options?.model ?? usual, { ...defaults, ...options });
  return {
    spec: 'plugin/v1',
    name: '@acme/embed-acme',
    version: '1.0.0',
    embedders: {
      acme: named('acme-small'),
      'acme-small': named('acme-small'),
      'acme-large': named('acme-large'),
    },
  };
}
