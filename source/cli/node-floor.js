#!/usr/bin/env node
// Installed as dist/cli.js. Node 10 and later can parse it, as a script and as a module, so it has no static import and
// no newer syntax. It loads the program, dist/main.js, only in a Node that can run it.
var floor = [20, 19];
var version = process.versions.node.split('.').map(Number);
if (version[0] > floor[0] || (version[0] === floor[0] && version[1] >= floor[1])) {
  import('./main.js');
} else {
  console.error('poolctl needs Node %s or later; this is %s.', floor.join('.'), process.versions.node);
  process.exitCode = 2;
}
