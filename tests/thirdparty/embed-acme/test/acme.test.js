import { describe, it } from 'node:test';
import { acme, acmePlugin } from '@acme/embed-acme';
import { HashEmbeddings } from '@memvid/core';
import { embedderContract, embeddingServiceContract, pluginContract } from '@memvid/plugin-kit';

embeddingServiceContract(
  { describe, it },
  {
    create: (options) => acme('acme-small', options),
    path: '/v1/embed',
    headers: (key) => ({ authorization: `Bearer ${key}` }),
    body: (input, purpose) => ({ model: 'acme-small', input, purpose }),
    reply: (vectors) => ({ data: vectors }),
    refusal: (message) => ({ error: { message } }),
    variables: ['ACME_API_KEY'],
    takesBase64: true,
  },
);

/** Answers as Acme would, without a socket. */
const hash = new HashEmbeddings();
const fetch = async (_, { body, signal }) => {
  signal?.throwIfAborted();
  const { vectors } = await hash.embed(JSON.parse(body).input);
  return Response.json({
    data: vectors.map((vector, index) => ({ index, embedding: [...vector] })).toReversed(),
  });
};

embedderContract({ describe, it }, { create: () => acme('acme-small', { apiKey: 'some-key', fetch }) });
pluginContract({ describe, it }, { create: acmePlugin });
