// Specs that cannot pass where test-platforms.mjs runs them, by platform and by what is in the way there. All others have
// to pass, and these have to fail.

export const OBSTACLES = {
}
