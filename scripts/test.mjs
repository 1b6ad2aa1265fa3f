// `npm test`: sets up and runs every test. With MEMVID_TEST_REPORT the counts go to that file as JSON.
import { writeFileSync } from 'node:fs';

import { setUp } from './lib/set-up.mjs';
import { testRust, testTypeScript } from './lib/tests.mjs';
import { runMain, secondsSince } from './lib/workspace.mjs';

await runMain(async () => {
  const start = performance.now();
  await setUp();
  console.log('Testing the Rust crates …');
  const rust = await testRust();
  const rustTime = secondsSince(start);
  console.log(`\nTesting the TypeScript packages …`);
  const typescript = await testTypeScript();
  const passed = rust.passed + typescript.passed;
  const failed = rust.failed + typescript.failed;
  const report = process.env.MEMVID_TEST_REPORT;
  if (report) writeFileSync(report, JSON.stringify({ passed, failed }));
  console.log(
    `\nTests: ${passed} passed and ${failed} failed in ${secondsSince(start)} ` +
      `(Rust ${rust.passed}/${rust.passed + rust.failed} after ${rustTime}, ` +
      `TypeScript ${typescript.passed}/${typescript.passed + typescript.failed})`,
  );
  if (failed > 0) process.exitCode = 1;
});
