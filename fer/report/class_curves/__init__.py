"""ROC and precision-recall curves of each emotion."""
