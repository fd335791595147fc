#!/usr/bin/env node
// Installed as dist/cli.js. Node 10 and later can parse it, as a script and as a module, so it has no static import and
// no newer syntax. It loads the program, dist/main.js, only in a Node that can run it.
var floor = [20, 19];
var version = process.versions.node.split('.').map(Number);
if (version[0] > floor[0] || (version[0] === floor[0] && version[1] >= floor[1])) {
  keepCompiledCode();
  import('./main.js');
} else {
  console.error('poolctl needs Node %s or later; this is %s.', floor.join('.'), process.versions.node);
  process.exitCode = 2;
}

// From Node 22.8 on: compiled code in the user's own cache folder, not in the temporary one, which others can write to.
// The folder is made here: Node tries without end where none can be made (HOME=/proc).
function keepCompiledCode() {
  var env = process.env;
  var module = process.getBuiltinModule('module');
  var parent = env.XDG_CACHE_HOME || (env.HOME && [env.HOME, '.cache'].join('/'));
  var own = [parent, 'poolctl'].join('/');
  if (!parent || !module.enableCompileCache) return;
  if (makeFolder(parent) && makeFolder(own)) module.enableCompileCache(own);
}

function makeFolder(path) {
  try {
    process.getBuiltinModule('fs').mkdirSync(path, 448); // 0700
    return true;
  } catch (error) {
    return error.code === 'EEXIST';
  }
}
