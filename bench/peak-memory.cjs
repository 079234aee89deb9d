// Required by every process of a command that is measured, through NODE_OPTIONS: each leaves its peak behind.
'use strict';

const { writeFileSync } = require('node:fs');
const { join } = require('node:path');
const { peakMemory } = require('../local/lambda/peak-memory.cjs');

const folder = process.env.BENCH_PEAK_MEMORY;
process.once('exit', () => writeFileSync(join(folder, String(process.pid)), String(peakMemory())));
