"""Pages of the studio, the queue, the review room and the approved gallery, one module each."""
