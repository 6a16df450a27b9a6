package audio

import "math"

// dims is the size of a voice's feature vector: cepstra and logarithm of the pitch.
const dims = cepstra + 1

type vector [dims]float64
type matrix [dims][dims]float64

// stats are the sufficient statistics of a set of vectors for a normal distribution.
type stats struct {
	n   float64
	sum vector
	sq  matrix // sums of products, lower triangle
}

func (s *stats) add(x *vector) {
	s.n++
	for i, a := range x {
		s.sum[i] += a
		for j := 0; j <= i; j++ {
			s.sq[i][j] += a * x[j]
		}
	}
}

// addFloats is add for vectors as they are stored.
func (s *stats) addFloats(x *[dims]float32) {
	var v vector
	for i, a := range x {
		v[i] = float64(a)
	}
	s.add(&v)
}

// merge adds all vectors of another set.
func (s *stats) merge(o *stats, weight float64) {
	s.n += weight * o.n
	for i := range s.sum {
		s.sum[i] += weight * o.sum[i]
		for j := 0; j <= i; j++ {
			s.sq[i][j] += weight * o.sq[i][j]
		}
	}
}

// normal is a normal distribution with full covariance.
type normal struct {
	mean    vector
	inverse matrix // of the lower Cholesky factor
	logDet  float64
}

// fit is the distribution of a set, its covariance drawn towards that of prior as if prior had been seen
// weight times, so that few vectors don't make it singular.
func fit(s, prior *stats, weight float64) normal {
	var g normal
	if s.n == 0 {
		s = prior
	}
	for i := range g.mean {
		g.mean[i] = s.sum[i] / s.n
	}
	var cov matrix
	for i := range dims {
		for j := 0; j <= i; j++ {
			own := s.sq[i][j] - s.n*g.mean[i]*g.mean[j]
			common := prior.sq[i][j]/prior.n - prior.sum[i]/prior.n*prior.sum[j]/prior.n
			cov[i][j] = (own + weight*common) / (s.n + weight)
		}
		cov[i][i] += 1e-6
	}
	l := cholesky(cov)
	for i := range dims {
		g.logDet += 2 * math.Log(l[i][i])
	}
	g.inverse = invertLower(l)
	return g
}

// density is the logarithm of the density at one vector, up to a constant.
func (g *normal) density(x *[dims]float32) float64 {
	sum := g.logDet
	for r := range dims {
		z := 0.0
		for j := 0; j <= r; j++ {
			z += g.inverse[r][j] * (float64(x[j]) - g.mean[j])
		}
		sum += z * z
	}
	return -0.5 * sum
}

// logLikelihood is that of a whole set, up to a constant.
func (g *normal) logLikelihood(s *stats) float64 {
	// Σ (x-m)ᵀC⁻¹(x-m) = tr(L⁻¹ S L⁻ᵀ) with S the set's scatter around m.
	var scatter matrix
	for i := range dims {
		for j := 0; j <= i; j++ {
			v := s.sq[i][j] - g.mean[i]*s.sum[j] - s.sum[i]*g.mean[j] + s.n*g.mean[i]*g.mean[j]
			scatter[i][j], scatter[j][i] = v, v
		}
	}
	trace := 0.0
	for r := range dims {
		for i := 0; i <= r; i++ {
			row := 0.0
			for j := 0; j <= r; j++ {
				row += scatter[i][j] * g.inverse[r][j]
			}
			trace += g.inverse[r][i] * row
		}
	}
	return -0.5 * (s.n*g.logDet + trace)
}

// cholesky returns L with LLᵀ = m for a positive definite m, of which the lower triangle is read.
func cholesky(m matrix) (l matrix) {
	for i := range dims {
		for j := 0; j <= i; j++ {
			sum := m[i][j]
			for k := range j {
				sum -= l[i][k] * l[j][k]
			}
			if i == j {
				l[i][i] = math.Sqrt(math.Max(sum, 1e-9))
			} else {
				l[i][j] = sum / l[j][j]
			}
		}
	}
	return l
}

// invertLower inverts a lower triangular matrix.
func invertLower(l matrix) (inv matrix) {
	for i := range dims {
		inv[i][i] = 1 / l[i][i]
		for j := range i {
			sum := 0.0
			for k := j; k < i; k++ {
				sum -= l[i][k] * inv[k][j]
			}
			inv[i][j] = sum / l[i][i]
		}
	}
	return inv
}
