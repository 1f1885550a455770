// For the type checker; browsers never ask for it.
declare const it: any;
export default it;
