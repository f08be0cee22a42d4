// Softmax regression: the network of mlp.js without a hidden layer.
import { CLASSES, forward } from "./mlp.js";

export { inked, softmax } from "./mlp.js";

/** The ten logits of one row. */
export const logits = (x, row, W, b) => forward(x, [{ W, b }]).z.subarray(row * CLASSES, (row + 1) * CLASSES);
