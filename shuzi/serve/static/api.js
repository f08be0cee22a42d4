// How the pages ask: a server answers here. The site without a server puts another file in this one's place.
export const readsPhotos = true;

/** The Response to a request such as "api/model". */
export const request = (path, options) => fetch(path, options);
