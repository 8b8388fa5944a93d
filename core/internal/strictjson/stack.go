package strictjson

// stack is a stack whose first elements need no allocation. They stand in the struct itself, since a
// slice of a caller's array that is appended to through a pointer would move that array to the heap.
type stack[T any] struct {
	few  [24]T
	many []T // all elements, once they have been more than fit in few
	n    int
}

// all returns the elements, the oldest first. The slice is valid until the next push.
func (s *stack[T]) all() []T {
	if s.many != nil {
		return s.many
	}
	return s.few[:s.n]
}

// top returns the youngest element of a stack that is not empty. It is valid until the next push.
func (s *stack[T]) top() *T {
	return &s.all()[s.n-1]
}

// push adds an element.
func (s *stack[T]) push(v T) {
	if s.many == nil && s.n == len(s.few) {
		s.many = append(make([]T, 0, 4*len(s.few)), s.few[:]...)
	}
	if s.many != nil {
		s.many = append(s.many, v)
	} else {
		s.few[s.n] = v
	}
	s.n++
}

// cut shortens the stack to n elements.
func (s *stack[T]) cut(n int) {
	if s.many != nil {
		clear(s.many[n:])
		s.many = s.many[:n]
	}
	s.n = n
}
