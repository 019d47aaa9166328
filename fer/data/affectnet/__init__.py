"""AffectNet as Kaggle hands out a part of it (noamsegal): eight classes, 96 x 96 RGB."""
