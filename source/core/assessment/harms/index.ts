import type {Examine} from '../context.ts';

/** Every kind of harm that is looked for. The order does not matter: findings are ranked by the harm they explain. */
export const examinations: readonly Examine[] = [];
