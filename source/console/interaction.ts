/**
 * What nothing but a key leads to: guides, pages on top of a view, and the reading of keys themselves. One chunk,
 * loaded right after the first frame (`load-interaction.ts`), with all of the engine that plans and undoes.
 */
export {describeInterruption} from '../core/engine/run-state.ts';
export {enterCommandLine} from './command-line.ts';
export {drawGuide, guideKeys} from './components/guide-pages.ts';
export {mostScroll, overlayLines} from './components/overlay-lines.ts';
export {replayKeys} from './components/replay-page.ts';
export {stepGuide, updateGuideRun} from './guide.ts';
export {takeFacts} from './guide-planning.ts';
export {inputOptionsOf, readInput} from './input/read-input.ts';
export {openGuide, openSessionGuide, openUndo} from './open-guide.ts';
export {stepReplay, takeReplay} from './replay.ts';
