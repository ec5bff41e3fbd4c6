import type { OptionsOf, Settings } from "../config/setting.js";
import type { Feature } from "./feature.js";

/**
 * The options that a feature adds. If `keyof S` is `string`, the feature has no settings and adds no options.
 */
type OptionsAdded<F> =
  F extends Feature<infer S> ? (string extends keyof S ? unknown : OptionsOf<S>) : never;

type ApiAdded<F> = F extends Feature<Settings, infer Api> ? Api : never;

/**
 * The options of all features, as an intersection type. TypeScript infers an intersection from a union of functions.
 */
export type FeatureOptions<F extends readonly Feature[]> = {
  [Index in keyof F]: (options: OptionsAdded<F[Index]>) => void;
}[number] extends (options: infer Options) => void
  ? Options
  : never;

/**
 * The API properties of all features, as an intersection type. TypeScript infers an intersection from a union of
 * functions.
 */
export type FeatureApi<F extends readonly Feature[]> = {
  [Index in keyof F]: (api: ApiAdded<F[Index]>) => void;
}[number] extends (api: infer Api) => void
  ? Api
  : never;
