// `pnpm bench:report`: writes docs/benchmarks.md and its charts from bench/figures.
import { writeReport } from './report/write.ts';

console.log(`written: ${writeReport().join(', ')}`);
