// What the page uses of Preact, for the type checker; browsers never ask for it.
export function h(type: any, props?: any, ...children: any[]): any;
export function render(what: any, where: Element): void;
export function createContext<T>(value: T): any;
export const Fragment: any;
