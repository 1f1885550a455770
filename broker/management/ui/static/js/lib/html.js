// What components are written with: Preact's functions, and htm's templates.
import { h, render, Fragment, createContext } from '../../vendor/preact/preact.mjs';
import htm from '../../vendor/htm/htm.mjs';

export const html = htm.bind(h);
export { h, render, Fragment, createContext };
export {
	useState, useEffect, useLayoutEffect, useMemo, useRef, useCallback, useContext, useId, useErrorBoundary,
} from '../../vendor/preact/hooks.mjs';
