"""Who is speaking, and in what words: doors translate, they decide nothing."""
