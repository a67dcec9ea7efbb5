namespace Cifar10Ps.Runtime;

/// <summary>Some neighbouring images of a shard.</summary>
/// <param name="Index">Number of the piece, from 0.</param>
/// <param name="First">The first image.</param>
/// <param name="Count">Number of images.</param>
internal readonly record struct Piece(int Index, int First, int Count);
