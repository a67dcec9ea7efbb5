BeforeAll {
    . $PSScriptRoot/Setup.ps1

    # Ten white and ten black pictures of one pixel each.
    $white = [Convert]::FromBase64String('R0lGODdhAQABAIAAAP///////ywAAAAAAQABAAACAkQBADs=')
    $black = [byte[]] ($white[0..12] + @(0) * 6 + $white[19..34])
    foreach ($class in 'white', 'black') {
        $folder = New-Item "TestDrive:/tones [1]/$class" -ItemType Directory
        foreach ($i in 1..10) { [IO.File]::WriteAllBytes("$folder/$i.gif", (Get-Variable $class -ValueOnly)) }
    }
}

Describe 'Get-ImageDataset' {
    It 'reads a folder of pictures, given <how>' -ForEach @(
        @{ how = 'a literal path'; script = { Get-ImageDataset -LiteralPath 'TestDrive:/tones [1]' } }
        @{ how = 'a pattern'; script = { Get-ImageDataset 'TestDrive:/tones*' } }
        @{ how = 'Get-Item'; script = { Get-Item -LiteralPath 'TestDrive:/tones [1]' | Get-ImageDataset } }
    ) {
        $tones = & $script
        $tones.Classes | Should -Be 'black', 'white'
        $tones.Train.Count, $tones.Test.Count | Should -Be 16, 4
        ($tones.Test | Group-Object LabelName).Count | Should -Be 2
        $tones.Test.Path | ForEach-Object { Test-Path -LiteralPath $_ } | Should -Be (@($true) * 4)
    }

    It 'gives the same split each time, and another one for another seed' {
        $paths = (Get-ImageDataset 'TestDrive:/tones*').Test.Path
        (Get-ImageDataset 'TestDrive:/tones*').Test.Path | Should -Be $paths
        (Get-ImageDataset 'TestDrive:/tones*' -Seed 1).Test.Path | Should -Not -Be $paths
    }

    It 'names what it leaves out' {
        Copy-Item -LiteralPath 'TestDrive:/tones [1]' TestDrive:/damaged -Recurse
        Set-Content TestDrive:/damaged/white/bad.png 'no picture'
        $null = New-Item TestDrive:/damaged/grey -ItemType Directory

        $read = Get-ImageDataset TestDrive:/damaged -ErrorAction SilentlyContinue -ErrorVariable left

        $read.Train.Count + $read.Test.Count | Should -Be 20
        $left.FullyQualifiedErrorId | Sort-Object |
            Should -Be 'EmptyClass,Cifar10Ps.Commands.GetImageDatasetCommand', 'InvalidImageFile,Cifar10Ps.Commands.GetImageDatasetCommand'
    }

    It 'refuses <id>' -ForEach @(
        @{ script = { Get-ImageDataset TestDrive:/nowhere -ErrorAction Stop }; id = 'FileNotFound' }
        @{ script = { Get-ImageDataset 'TestDrive:/tones*/white' -ErrorAction Stop }; id = 'TooFewClasses' }
        @{ script = { Get-ImageDataset TestDrive:/ -ImageSize 4 }; id = 'ParameterArgumentValidationError' }
    ) {
        Get-ErrorId $script | Should -Be $id
    }
}

Describe 'A model for own pictures' {
    It 'is trained, also from the weights of another, and guesses files' {
        $tones = Get-ImageDataset 'TestDrive:/tones*'
        $null = $data | Start-ModelTraining $model @quick

        $fresh = New-ResNet20 $tones.Classes
        $tuned = $model | New-ResNet20 -Classes $tones.Classes
        foreach ($tone in $fresh, $tuned) { $null = $tones | Start-ModelTraining $tone -Epochs 8 -BatchSize 8 }

        foreach ($tone in $fresh, $tuned) {
            $predictions = Get-ChildItem -LiteralPath 'TestDrive:/tones [1]/white' | Invoke-Inference $tone
            $predictions.Class | Should -Be (@('white') * 10)
        }
        $tuned.TrainedEpochs | Should -Be 10
        $tuned.Preprocessing.Mean | Should -Be $model.Preprocessing.Mean
    }
}
