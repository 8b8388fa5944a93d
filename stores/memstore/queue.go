package memstore

// queue is a heap of items by due time. Each item knows its place in it, so that it can leave at any
// time.
type queue[T placed] []entry[T]

type entry[T any] struct {
	due  int64
	item T
}

// placed is an item's place in the queue, counted from 1; 0 means that it is not in it.
type placed interface{ slot() *int32 }

// at returns the due time of an item in the queue.
func (q queue[T]) at(item T) int64 { return q[*item.slot()-1].due }

// set puts item into the queue, or moves it.
func (q *queue[T]) set(item T, due int64) {
	i := int(*item.slot()) - 1
	if i < 0 {
		*q = append(*q, entry[T]{})
		i = len(*q) - 1
	}
	q.settle(i, entry[T]{due, item})
}

// drop takes item out of the queue if it is in it.
func (q *queue[T]) drop(item T) {
	i, last := int(*item.slot())-1, len(*q)-1
	if i < 0 {
		return
	}
	*item.slot() = 0
	moved := (*q)[last]
	(*q)[last] = entry[T]{}
	*q = (*q)[:last]
	if i < last {
		q.settle(i, moved)
	}
}

// first returns the item that is due first.
func (q queue[T]) first() (item T, due int64, ok bool) {
	if len(q) == 0 {
		return item, 0, false
	}
	return q[0].item, q[0].due, true
}

// settle finds the place of e, beginning with the free place i.
func (q queue[T]) settle(i int, e entry[T]) {
	for i > 0 && e.due < q[(i-1)/2].due {
		q.put(i, q[(i-1)/2])
		i = (i - 1) / 2
	}
	for {
		child := 2*i + 1
		if child+1 < len(q) && q[child+1].due < q[child].due {
			child++
		}
		if child >= len(q) || q[child].due >= e.due {
			break
		}
		q.put(i, q[child])
		i = child
	}
	q.put(i, e)
}

func (q queue[T]) put(i int, e entry[T]) {
	q[i] = e
	*e.item.slot() = int32(i + 1)
}
