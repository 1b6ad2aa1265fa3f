import { postJson, serviceEmbedder, vectorsByIndex } from '@memvid/core/plugin';

/** Embeds text with Acme's models. */
export function acme(model = 'acme-small', options = {}) {
  return serviceEmbedder(
    {
      provider: 'acme',
      model,
      maxBatch: 32,
      variables: ['ACME_API_KEY'],
      async request({ texts, kind, signal, key, ...call }) {
        const { data } = await postJson({
          url: `${options.baseURL ?? 'https://api.acme.example'}/v1/embed`,
          headers: { authorization: `Bearer ${key}` },
          body: { model, input: texts, purpose: kind },
          fetch: options.fetch,
          signal,
        });
        return { vectors: vectorsByIndex(data, call) };
      },
    },
    options,
  );
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
