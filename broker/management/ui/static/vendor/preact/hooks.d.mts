// What the page uses of Preact's hooks, for the type checker; browsers never ask for it.
type Set<T> = (next: T | ((old: T) => T)) => void;
export function useState<T>(start: T | (() => T)): [T, Set<T>];
export function useEffect(run: () => void | (() => void), on?: any[]): void;
export function useLayoutEffect(run: () => void | (() => void), on?: any[]): void;
export function useMemo<T>(make: () => T, on: any[]): T;
export function useRef<T>(start: T): { current: T };
export function useCallback<T>(f: T, on: any[]): T;
export function useContext(context: any): any;
export function useId(): string;
export function useErrorBoundary(tell: (error: any) => void): [any, () => void];
