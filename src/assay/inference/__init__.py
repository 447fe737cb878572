"""The Open Inference Protocol without its wire: tensors to examples, the served path, answers to tensors."""
