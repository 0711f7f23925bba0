package ask

// Forget leaves no row kept, as if there were many.
func (r *Reclaimed) Forget() { r.rows, r.many = nil, true }
