'use strict';

const { readFileSync } = require('node:fs');

/** The most memory that this process has had so far, in MiB. */
exports.peakMemory = () => {
  try {
    const status = readFileSync('/proc/self/status', 'utf8');
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)[1]) / 1024;
  } catch {
    // Not where there is the other: Linux counts in what the process had that started this one.
    return process.resourceUsage().maxRSS / 1024;
  }
};
