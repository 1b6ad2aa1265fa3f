// `npm run setup`: everything built and ready, nothing run.
import { setUp } from './lib/set-up.mjs';
import { runMain } from './lib/workspace.mjs';

await runMain(setUp);
