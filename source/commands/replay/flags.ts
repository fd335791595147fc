import {jsonFlag, serverFlags, type Usage} from '../../cli/call/usage.ts';
import {measurementFlags} from '../../cli/replay/options.ts';

export const usage = {
  name: 'replay',
  summary: "Measure an endpoint's queries on a connection pool",
  arguments: [{shown: '<endpoint>', completes: 'file'}, {shown: '[url]'}],
  flags: {
    ...measurementFlags,
    demo: {type: 'boolean', help: 'Use a throwaway server with the demo tables'},
    ...jsonFlag,
    markdown: {type: 'boolean', help: 'Print Markdown, for an issue or pull request'},
    capture: {
      type: 'string',
      value: 'ROUTE',
      group: 'Capture',
      help: 'Instead of measuring: record the queries of a route in an endpoint file',
    },
    out: {
      type: 'string',
      value: 'FILE',
      group: 'Capture',
      help: 'Endpoint file to write',
      default: 'named after the route',
    },
    listen: {
      type: 'number',
      value: 'PORT',
      group: 'Capture',
      help: 'Port on 127.0.0.1 to listen on',
      default: 'any free port',
    },
    ...serverFlags,
  },
  details: [
    '<endpoint> is a SQL, TypeScript or JavaScript file, or with --demo the name of a demo endpoint. Sessions are read-only unless --allow-writes is given, and poolctl leaves connection slots free for other clients. Exit 0 even if measured requests failed, 3 if the connection to the server was lost and 7 if a measurement was impossible (with the results so far), 130 after Ctrl-C.',
    'poolctl replay --capture "GET /x" [url] prints a URL. Connect the application to it: poolctl forwards its queries to the server and writes them to an endpoint file at Ctrl-C. The file contains the values that were sent; only its owner can read it.',
  ],
} as const satisfies Usage;
