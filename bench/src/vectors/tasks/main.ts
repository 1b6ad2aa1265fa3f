// Runs in a process of its own: `node main.ts JOB` (JSON) measures once and prints its samples as one line of JSON.
import { loadVectorTask, type VectorJob } from '../job.ts';

const job = JSON.parse(process.argv[2] ?? '') as VectorJob;
const task = await loadVectorTask(job.task);
const samples = await task(job);
console.log(JSON.stringify(samples));
process.exit(0); // Some peers keep timers.
