// A service that speaks like OpenAI's, for `stream.ts`: each piece of its answers is the time at which it was sent. Sends its
// port to the process that forked it.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

const PIECES = 40;
const PAUSE = 5;

const server = createServer((request, response) => {
  void request.resume().once('end', async () => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const send = (choice: object): void => {
      const chunk = { id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [choice] };
      response.write(`data: ${JSON.stringify(chunk)}\n\n`);
    };
    for (let piece = 0; piece < PIECES; piece += 1) {
      await wait(PAUSE);
      const now = performance.timeOrigin + performance.now();
      send({ index: 0, delta: { role: 'assistant', content: `${now.toFixed(3)}; ` }, finish_reason: null });
    }
    send({ index: 0, delta: {}, finish_reason: 'stop' });
    response.end('data: [DONE]\n\n');
  });
});
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
// Whoever forked it may have failed.
process.once('disconnect', () => process.exit());
